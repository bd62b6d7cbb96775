"""What ties clips together, and what must not lie in two parts."""

import random
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.splits.leaks import KINDS, SplitClip, content_names, find_leaks, tied_groups
from facewave.splits.partition import PARTS, SplitOptions, assign_parts
from tests.splits.tied_clips import tied_clips

quick = settings(max_examples=60, deadline=None)


class TestTies:
    @quick
    @given(tied_clips(), st.sets(st.sampled_from(KINDS)))
    def test_groups_are_a_partition_and_share_nothing_outside(self, clips, kinds):
        groups = tied_groups(clips, kinds)
        assert sorted(c.clip_id for group in groups for c in group) == sorted(
            c.clip_id for c in clips
        )
        parts = {clip.clip_id: str(i) for i, group in enumerate(groups) for clip in group}
        assert find_leaks(clips, parts, kinds) == []

    @quick
    @given(tied_clips(), st.randoms())
    def test_the_order_of_the_clips_does_not_matter(self, clips, rng: random.Random):
        shuffled = rng.sample(clips, len(clips))
        as_sets = lambda groups: {frozenset(c.clip_id for c in group) for group in groups}  # noqa: E731
        assert as_sets(tied_groups(clips, KINDS)) == as_sets(tied_groups(shuffled, KINDS))

    @quick
    @given(tied_clips(), st.data())
    def test_leaks_are_those_of_a_plain_search(self, clips, data):
        parts = {clip.clip_id: data.draw(st.sampled_from(PARTS)) for clip in clips}
        where = defaultdict(set)
        for clip in clips:
            if clip.source is not None:
                where[clip.source].add(parts[clip.clip_id])
        expected = sum(len(found) > 1 for found in where.values())
        leaks = find_leaks(clips, parts, ["source"])
        assert len(leaks) == (expected > 0)
        assert not leaks or leaks[0].startswith(f"{expected} sources in more than one part")

    def test_a_take_is_one_of_its_subject(self):
        clips = [SplitClip("a", 0, "s1", take="1"), SplitClip("b", 0, "s2", take="1")]
        assert len(tied_groups(clips, ["take"])) == 2
        clips = [SplitClip("a", 0, take="1"), SplitClip("b", 0, take="1")]
        assert len(tied_groups(clips, ["take"])) == 1

    def test_takes_of_two_files_stay_together_where_subjects_may_be_parted(self):
        clips = [
            SplitClip(f"{kind}{i}", i % 2, "s1", take=str(i)) for i in range(40) for kind in "av"
        ]
        options = SplitOptions(allow_leaks=["subject"])
        parts = assign_parts(clips, fold=None, options=options)
        assert set(parts.values()) == set(PARTS)
        assert all(parts[f"a{i}"] == parts[f"v{i}"] for i in range(40))

    def test_many_examples_are_shortened(self):
        clips = [SplitClip(f"c{i}", 0, f"s{i % 30}") for i in range(60)]
        parts = {f"c{i}": "train" if i < 30 else "test" for i in range(60)}
        (line,) = find_leaks(clips, parts, ["subject"])
        assert line.startswith(
            "30 subjects in more than one part: s0: c30 in test, c0 in train; s1:"
        )
        assert line.endswith("; …")


class TestContentNames:
    @quick
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["a", "b", ""]),
                st.none() | st.tuples(st.integers(0, 30), st.integers(1, 9)),
            ),
            max_size=12,
        )
    )
    def test_clips_share_a_name_as_far_as_frames_in_common_reach(self, drawn):
        contents = {
            f"c{i}": (digest, frames and (frames[0], sum(frames)))
            for i, (digest, frames) in enumerate(drawn)
        }
        names = content_names(contents)

        def frames_of(clip_id):
            first, end = contents[clip_id][1] or (0, 100)
            return {(contents[clip_id][0], frame) for frame in range(first, end)}

        # Slowly and by other means: groups that share a frame are merged until none is left.
        groups = [({clip_id}, frames_of(clip_id)) for clip_id in contents if contents[clip_id][0]]
        merged = []
        for ids, frames in groups:
            touching = [group for group in merged if group[1] & frames]
            merged = [group for group in merged if not group[1] & frames]
            for other_ids, other_frames in touching:
                ids, frames = ids | other_ids, frames | other_frames
            merged.append((ids, frames))
        by_name = {}
        for clip_id, name in names.items():
            by_name.setdefault(name, set()).add(clip_id)
        without = by_name.pop(None, set())
        assert without == {clip_id for clip_id in contents if not contents[clip_id][0]}
        assert sorted(map(sorted, by_name.values())) == sorted(sorted(ids) for ids, _ in merged)

    def test_a_whole_video_holds_its_segments_and_windows_their_neighbours(self):
        names = content_names(
            {
                "whole": ("x", None),
                "first": ("x", (0, 9)),
                "last": ("x", (20, 29)),
                "y": ("y", None),
            }
        )
        assert names["whole"] == names["first"] == names["last"] != names["y"]
        apart = content_names(
            {"first": ("x", (0, 9)), "next": ("x", (9, 18)), "over": ("x", (17, 26))}
        )
        assert apart["first"] != apart["next"] == apart["over"]
