"""What splits are told of clips."""

import pytest

from facewave.manifest.clips import Clip
from facewave.splits.contents import split_clips
from facewave.splits.partition import SplitError


def test_clips_without_a_label_are_refused_by_name():
    clips = [Clip("a", "a.mp4", 0, 1, "sad"), Clip("b", "b.mp4", 1, None, None)]
    assert [clip.label for clip in split_clips(clips[:1], [])] == [1]
    with pytest.raises(SplitError, match=r"1 of 2 clips have no label \(b\) .*column `label`"):
        split_clips(clips, [])
