"""Which file or folder of frames is a clip, where clips are named by number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from facewave.datasets.tree import Tree, below, by_number


@dataclass(frozen=True)
class NumberedMedia:
    """The media of a dataset whose clips are named by number.

    Attributes:
        paths: number to path, relative to the root
        frames: numbers whose path is a folder of frames
        frame_rate: frames a second of the folders of frames, where the configuration gives it
        notes: what has to be said
    """

    paths: Mapping[int, str]
    frames: frozenset[int]
    frame_rate: float | None
    notes: tuple[str, ...]

    def path(self, number: int, *, expected: str) -> str:
        """Return a clip's path; the one where it is expected where there is none."""
        return self.paths.get(number, expected)

    def fps(self, number: int) -> float | None:
        """Return the frame rate to assume for a clip, None where its container knows."""
        return self.frame_rate if number in self.frames else None


def numbered_media(tree: Tree, options: Mapping[str, Any]) -> NumberedMedia:
    """Choose videos or folders of frames.

    Args:
        tree: of the root
        options: `media` (`clips`, `frames`, or `auto`: what there is more of, videos if equal),
            `media_folder` (look only there) and `fps`
    """
    wanted, folder = options.get("media", "auto"), options.get("media_folder")
    videos = by_number(below(tree.videos, folder)) if wanted != "frames" else {}
    frames = by_number(below(tree.frame_folders, folder)) if wanted != "clips" else {}
    chosen = max(videos, frames, key=len)
    kind = "videos" if chosen is videos else "folders of frames"
    folders = {path.rpartition("/")[0] or "." for path in chosen.values()}
    notes = [f"{kind} of {', '.join(sorted(folders)[:5])}"] if chosen else []
    if videos and frames:
        other = "frames" if chosen is videos else "clips"
        notes.append(
            f"there are {len(videos)} videos and {len(frames)} folders of frames: "
            f"`media: {other}` takes the others"
        )
    taken = frozenset() if chosen is videos else frozenset(frames)
    return NumberedMedia(chosen, taken, options.get("fps"), tuple(notes))
