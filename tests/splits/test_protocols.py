"""Official folds, grouped k-fold, and what must not lie in two parts."""

import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.splits.clips import SplitClip
from facewave.splits.leaks import KINDS, content_names, find_leaks, tied_groups
from facewave.splits.partition import (
    GROUPED_K_FOLD,
    OFFICIAL,
    PARTS,
    SplitError,
    SplitOptions,
    assign_parts,
    fold_names,
)

quick = settings(max_examples=60, deadline=None)


def assign(clips, fold=None, **options):
    return assign_parts(clips, fold=fold, options=SplitOptions(**options))


def official(count=50, folds=5, **cells):
    return [SplitClip(f"c{i:03}", i % 3, fold=str(i % folds + 1), **cells) for i in range(count)]


@st.composite
def tied_clips(draw):
    """Clips with subjects, takes, sources and bytes that some of them share."""
    some = lambda letter: st.none() | st.sampled_from([f"{letter}{i}" for i in range(6)])  # noqa: E731
    clip = st.fixed_dictionaries(
        {"subject": some("s"), "take": some("t"), "source": some("m"), "content": some("b")}
    )
    cells = draw(st.lists(clip, min_size=1, max_size=40))
    return [SplitClip(f"c{i}", i % 3, **cell) for i, cell in enumerate(cells)]


class TestOfficial:
    def test_each_clip_is_tested_once(self):
        clips = official()
        folds = fold_names(OFFICIAL, [], official=["10", "2", "1", "4", "3", "5"][1:])
        assert folds == [f"fold-{number}" for number in range(1, 6)]
        tested = Counter()
        for fold in folds:
            parts = assign(clips, fold, protocol=OFFICIAL)
            assert set(parts.values()) == set(PARTS)
            test = {name for name, part in parts.items() if part == "test"}
            assert test == {clip.clip_id for clip in clips if f"fold-{clip.fold}" == fold}
            tested.update(test)
        assert set(tested.values()) == {1}
        assert len(tested) == len(clips)

    def test_a_release_of_one_fold_alone(self):
        clips = [SplitClip(f"c{i}", i % 2, fold="1") for i in range(6)]
        with pytest.raises(SplitError, match="all 6 clips are tested in it, none is left to train"):
            assign(clips, "fold-1", protocol=OFFICIAL)

    def test_folds_are_in_natural_order(self):
        assert fold_names(OFFICIAL, [], official=["10", "9", "1"]) == [
            "fold-1",
            "fold-9",
            "fold-10",
        ]

    def test_val_comes_out_of_train(self):
        parts = assign(official(), "fold-2", protocol=OFFICIAL, val_fraction=0.25)
        assert Counter(parts.values()) == {"train": 30, "val": 10, "test": 10}

    def test_without_folds_the_split_is_taken(self):
        clips = [SplitClip(f"c{i}", i % 2, split="test" if i % 4 else "train") for i in range(80)]
        assert fold_names(OFFICIAL, ["s1"], official=[]) == []
        parts = assign(clips, protocol=OFFICIAL)
        assert {n for n, part in parts.items() if part == "test"} == {
            clip.clip_id for clip in clips if clip.split == "test"
        }
        assert Counter(parts.values())["val"] in (2, 3)

    def test_neither_fold_nor_split(self):
        with pytest.raises(SplitError, match=r"split\.protocol official: 9 clips have no split"):
            assign([SplitClip(f"c{i}", 0) for i in range(9)], protocol=OFFICIAL)

    def test_some_clips_without_a_fold(self):
        clips = [*official(), SplitClip("lost", 0)]
        with pytest.raises(SplitError, match=r"1 clips have no fold \(lost\); .* copied in part"):
            assign(clips, "fold-1", protocol=OFFICIAL)

    def test_unknown_fold(self):
        for fold in (None, "fold-9"):
            with pytest.raises(SplitError, match="no clip is tested in it"):
                assign(official(), fold, protocol=OFFICIAL)

    def test_shared_movies_and_people_are_the_authors_decision(self):
        clips = official(subject="s1", source="film", take="t")
        # One person is one group, from which no validation part can be taken.
        with pytest.raises(SplitError, match="1 subjects or clips cannot be divided"):
            assign(clips, "fold-1", protocol=OFFICIAL)
        allowed = {"allow_leaks": ["subject", "take", "source"]}
        assert set(assign(clips, "fold-1", protocol=OFFICIAL, **allowed).values()) == set(PARTS)
        films = [
            SplitClip(c.clip_id, c.label, fold=c.fold, source=f"film{i % 7}")
            for i, c in enumerate(clips)
        ]
        assert set(assign(films, "fold-1", protocol=OFFICIAL).values()) == set(PARTS)

    def test_identical_bytes_stop_the_build(self):
        clips = official()
        clips[0] = SplitClip("c000", 0, fold="1", content="same")
        clips[1] = SplitClip("c001", 1, fold="2", content="same")
        message = "1 clips with identical bytes in more than one part: c000 in test, c001 in"
        with pytest.raises(SplitError, match=message) as error:
            assign(clips, "fold-1", protocol=OFFICIAL)
        assert "split.allow_leaks" in str(error.value)
        assert assign(clips, "fold-1", protocol=OFFICIAL, allow_leaks=["content"])
        # In the training part of fold 3, both clips stay on one side of the validation part.
        parts = assign(clips, "fold-3", protocol=OFFICIAL)
        assert parts["c000"] == parts["c001"]


class TestGroupedKFold:
    @quick
    @given(tied_clips(), st.integers(2, 5), st.integers(0, 99))
    def test_groups_stay_together_and_every_clip_is_tested_once(self, clips, folds, seed):
        clips += [SplitClip(f"free{i}", i % 3) for i in range(4 * folds)]
        tested = Counter()
        for fold in fold_names(GROUPED_K_FOLD, [], folds=folds):
            parts = assign(clips, fold, protocol=GROUPED_K_FOLD, folds=folds, seed=seed)
            assert find_leaks(clips, parts, KINDS) == []
            tested.update(name for name, part in parts.items() if part == "test")
        assert tested == Counter(clip.clip_id for clip in clips)

    def test_people_are_spread_evenly(self):
        clips = [SplitClip(f"c{i}", i % 4, f"s{i % 20}") for i in range(400)]
        for fold in fold_names(GROUPED_K_FOLD, [], folds=4):
            parts = assign(clips, fold, protocol=GROUPED_K_FOLD, folds=4)
            assert Counter(parts.values())["test"] == 100

    def test_a_large_group_is_not_all_that_a_fold_holds(self):
        clips = [SplitClip(f"c{i}", i % 3, content="same") for i in range(20)]
        clips += [SplitClip(f"free{i}", i % 3) for i in range(8)]
        for fold in fold_names(GROUPED_K_FOLD, [], folds=2):
            parts = assign(clips, fold, protocol=GROUPED_K_FOLD, folds=2, seed=2)
            assert find_leaks(clips, parts, KINDS) == []
            assert set(parts.values()) == set(PARTS)

    def test_too_few_groups(self):
        clips = [SplitClip(f"c{i}", 0, f"s{i % 3}") for i in range(30)]
        with pytest.raises(
            SplitError, match="3 subjects or clips cannot be divided into fold-1, fo"
        ):
            assign(clips, "fold-1", protocol=GROUPED_K_FOLD, folds=5)


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
        parts = assign(clips, allow_leaks=["subject"])
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
