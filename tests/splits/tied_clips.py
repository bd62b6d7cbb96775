"""Clips that share subjects, takes, sources and bytes."""

from hypothesis import strategies as st

from facewave.splits.leaks import SplitClip


@st.composite
def tied_clips(draw):
    """Clips with subjects, takes, sources and bytes that some of them share."""
    some = lambda letter: st.none() | st.sampled_from([f"{letter}{i}" for i in range(6)])  # noqa: E731
    clip = st.fixed_dictionaries(
        {"subject": some("s"), "take": some("t"), "source": some("m"), "content": some("b")}
    )
    cells = draw(st.lists(clip, min_size=1, max_size=40))
    return [SplitClip(f"c{i}", i % 3, **cell) for i, cell in enumerate(cells)]
