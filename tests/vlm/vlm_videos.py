"""Made-up videos for models that are asked, and a model that counts its calls."""

import numpy as np

from facewave.vlm.conversation import Turn
from facewave.vlm.inputs.shown_video import ShownVideo


def video(frames=4, *, height=60, width=80, seed=0, step=3, fps=25.0):
    random = np.random.default_rng(seed)
    return ShownVideo(
        frames=random.integers(0, 256, (frames, height, width, 3), dtype=np.uint8),
        indices=[step * place for place in range(frames)],
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


class FakeAsker:
    """Says what it is told to, and remembers what it was asked."""

    def __init__(self, say):
        self.say, self.asked, self.identity = say, [], {"model": "fake"}

    def answer(self, conversations, *, max_new_tokens, seed):
        said = []
        for conversation in conversations:
            said.append(self.say(len(self.asked), conversation, seed))
            self.asked.append((conversation, seed))
        return said

    def score(self, conversations, classes):
        self.asked += [(conversation, None) for conversation in conversations]
        rows = [np.arange(len(classes), 0, -1, dtype=np.float32) for _ in conversations]
        return np.stack(rows)
