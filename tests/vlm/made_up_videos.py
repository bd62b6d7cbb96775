"""Made-up videos for zero-shot models, and a model that remembers its calls."""

import numpy as np

from facewave.vlm.inputs.clip_reader import ClipFrames
from facewave.vlm.inputs.conversation import Turn
from facewave.vlm.inputs.kept_frames import square


def video(frames=4, *, height=60, width=80, seed=0, step=3, fps=25.0):
    random = np.random.default_rng(seed)
    return ClipFrames(
        images=random.integers(0, 256, (frames, height, width, 3), dtype=np.uint8),
        indices=[step * index for index in range(frames)],
        total=step * frames,
        fps=fps,
    )


def few_shot():
    """Two examples of different length and size, and a question."""
    return [
        Turn(text="What is seen?", video=video(2, seed=1), answer="A man nods."),
        Turn(
            text="What is seen?", video=video(5, height=90, width=50, seed=2), answer="She waves."
        ),
        Turn(text="What is seen?", video=video(4, seed=3)),
    ]


class FakeModel:
    """Gives the answers that it is told to, and remembers its calls."""

    frame_size = square(96)

    def __init__(self, say):
        self.say, self.calls, self.identity = say, [], {"model": "fake"}

    def answer(self, conversations, *, max_new_tokens, seed):
        answers = []
        for conversation in conversations:
            answers.append(self.say(len(self.calls), conversation, seed))
            self.calls.append((conversation, seed))
        return answers

    def score(self, conversations, classes):
        self.calls += [(conversation, None) for conversation in conversations]
        rows = [np.arange(len(classes), 0, -1, dtype=np.float32) for _ in conversations]
        return np.stack(rows)
