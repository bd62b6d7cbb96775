"""Which clips train, validate and test."""

import random
import unicodedata
from collections import Counter, defaultdict

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from facewave.splits.leaks import KINDS, SplitClip, find_leaks
from facewave.splits.partition import (
    FRACTIONS,
    GROUPED_K_FOLD,
    LEAVE_ONE_SUBJECT_OUT,
    MANIFEST,
    OFFICIAL,
    PARTS,
    PROTOCOLS,
    SplitError,
    SplitOptions,
    assign_parts,
    fold_names,
)
from tests.splits.tied_clips import tied_clips

quick = settings(max_examples=80, deadline=None)
seeds = st.integers(0, 2**31)


def clips_of(*counts, subjects=None):
    """Return clips: `counts[c]` of class c; subject i % subjects where subjects are asked for."""
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    return [
        SplitClip(f"clip{i:04}", label, f"s{i % subjects}" if subjects else None)
        for i, label in enumerate(labels)
    ]


def assign(clips, *, fold=None, group_by_subject=True, **options):
    if not group_by_subject:
        options["allow_leaks"] = ["subject"]
    return assign_parts(clips, fold=fold, options=SplitOptions(**options))


def counts(parts):
    return Counter(parts.values())


def subjects_of(clips, parts):
    where = defaultdict(set)
    for clip in clips:
        where[clip.subject].add(parts[clip.clip_id])
    return where


@st.composite
def datasets(draw):
    """Clips of 3 to 12 subjects, some clips without one, of up to 4 classes."""
    owners = [f"s{i}" for i in range(draw(st.integers(3, 12)))]
    names = draw(st.lists(st.sampled_from([*owners, None]), min_size=3, max_size=60))
    labels = draw(st.lists(st.integers(0, 3), min_size=len(names), max_size=len(names)))
    pairs = zip(names, labels, strict=True)
    return [SplitClip(f"c{i}", label, name) for i, (name, label) in enumerate(pairs)]


def official(count=50, folds=5, **cells):
    return [SplitClip(f"c{i:03}", i % 3, fold=str(i % folds + 1), **cells) for i in range(count)]


class TestFractions:
    @quick
    @given(datasets(), st.sampled_from(list(FRACTIONS)), st.booleans(), seeds)
    def test_every_clip_in_one_part_and_no_subject_in_two(self, clips, protocol, grouped, seed):
        groups = len({clip.subject or clip.clip_id for clip in clips}) if grouped else len(clips)
        assume(groups >= 3)
        parts = assign(clips, protocol=protocol, group_by_subject=grouped, seed=seed)
        assert sorted(parts) == sorted(clip.clip_id for clip in clips)
        assert set(parts.values()) == set(PARTS)
        if grouped:
            owned = [clip for clip in clips if clip.subject is not None]
            assert all(len(where) == 1 for where in subjects_of(owned, parts).values())

    @quick
    @given(datasets(), st.randoms(use_true_random=False), seeds)
    def test_the_order_of_the_clips_does_not_matter(self, clips, shuffler, seed):
        assume(len({clip.subject or clip.clip_id for clip in clips}) >= 3)
        parts = assign(clips, seed=seed)
        shuffled = list(clips)
        shuffler.shuffle(shuffled)
        assert assign(shuffled, seed=seed) == parts

    @pytest.mark.parametrize(
        ("protocol", "val_fraction", "expected"),
        [
            ("80-10-10", 0.5, {"train": 560, "val": 70, "test": 70}),
            ("80-20", 0.125, {"train": 490, "val": 70, "test": 140}),
            ("80-20", 0.25, {"train": 420, "val": 140, "test": 140}),
        ],
    )
    def test_classes_of_equal_size_are_split_exactly(self, protocol, val_fraction, expected):
        clips = clips_of(*[100] * 7)
        parts = assign(clips, protocol=protocol, val_fraction=val_fraction)
        assert counts(parts) == expected
        by_class = Counter((clip.label, parts[clip.clip_id]) for clip in clips)
        for (_, part), count in by_class.items():
            assert count == expected[part] / 7

    @pytest.mark.parametrize("protocol", list(FRACTIONS))
    @pytest.mark.parametrize("sizes", [[3] * 100, [3] * 7, [12] * 7, [500, 40, 7, 3, 1, 1]])
    def test_sizes_are_as_asked_even_if_classes_are_small(self, protocol, sizes):
        clips = clips_of(*sizes)
        found = counts(assign(clips, protocol=protocol))
        expected = {"80-10-10": (0.8, 0.1, 0.1), "80-20": (0.7, 0.1, 0.2)}[protocol]
        for part, share in zip(PARTS, expected, strict=True):
            assert found[part] == pytest.approx(share * len(clips), abs=1.5), part

    @pytest.mark.parametrize(("subjects", "tolerance"), [(24, 0.05), (91, 0.03), (10, 0.09)])
    def test_whole_subjects_come_near_their_shares(self, subjects, tolerance):
        chance = random.Random(5)
        clips = [
            SplitClip(f"{s}_{i}", chance.randrange(7), f"s{s}")
            for s in range(subjects)
            for i in range(chance.randint(10, 40))
        ]
        parts = assign(clips)
        found = counts(parts)
        for part, share in zip(PARTS, (0.8, 0.1, 0.1), strict=True):
            assert found[part] / len(clips) == pytest.approx(share, abs=tolerance)
        by_class = Counter(clip.label for clip in clips if parts[clip.clip_id] == "train")
        for label, count in Counter(clip.label for clip in clips).items():
            assert by_class[label] / count == pytest.approx(0.8, abs=2 * tolerance)

    def test_three_groups_are_enough(self):
        clips = [SplitClip(f"c{i}", 0, "big" if i < 50 else f"s{i}") for i in range(52)]
        assert counts(assign(clips)) == {"train": 50, "val": 1, "test": 1}

    def test_a_clip_without_subject_is_a_group_of_its_own(self):
        clips = [SplitClip("s1", 0, None), SplitClip("a", 0, "s1"), SplitClip("b", 0, "s1")]
        clips += [SplitClip(f"c{i}", 0) for i in range(5)]
        parts = assign(clips)
        assert parts["a"] == parts["b"]
        assert len(parts) == 8

    def test_a_subject_named_like_a_clip_is_not_mixed_up_with_it(self):
        # Grouped together by mistake, there would be two groups, too few.
        clips = [SplitClip("x", 0, "y"), SplitClip("y", 0), SplitClip("clip y", 0, "x")]
        assert counts(assign(clips)) == {"train": 1, "val": 1, "test": 1}


class TestSeed:
    CLIPS = tuple(clips_of(40, 30, 30, subjects=20))

    def test_the_same_gives_the_same(self):
        assert assign(self.CLIPS, seed=3) == assign(self.CLIPS, seed=3)

    @pytest.mark.parametrize("grouped", [True, False])
    def test_another_gives_another(self, grouped):
        results = [assign(self.CLIPS, seed=seed, group_by_subject=grouped) for seed in range(8)]
        tests = {frozenset(c for c, part in r.items() if part == "test") for r in results}
        assert len(tests) >= 6

    def test_stays_the_same(self):
        # Another result would move clips between training and test of published splits.
        clips = clips_of(6, 6, subjects=6)
        where = subjects_of(clips, assign(clips, seed=2024))
        assert where["s3"] == {"test"}
        assert where["s4"] == {"val"}


class TestManifest:
    def test_is_taken_as_it_is(self):
        split = ["train", "train", "val", "test", "train"]
        clips = [SplitClip(f"c{i}", i % 2, f"s{i}", part) for i, part in enumerate(split)]
        assert list(assign(clips, protocol=MANIFEST).values()) == split

    def test_val_is_taken_out_of_train_by_whole_subjects(self):
        clips = [SplitClip(f"t{i}", i % 2, "tester", "test") for i in range(6)]
        clips += [SplitClip(f"c{i}", i % 2, f"s{i % 8}", "train") for i in range(32)]
        parts = assign(clips, protocol=MANIFEST, val_fraction=0.25)
        assert counts(parts) == {"train": 24, "val": 8, "test": 6}
        assert all(len(where) == 1 for where in subjects_of(clips, parts).values())

    def test_clips_without_a_part(self):
        clips = [SplitClip(f"c{i:02}", 0, None, "train" if i < 3 else None) for i in range(15)]
        message = r"12 clips have no split \(c03, .*, c12, …\); give every row train, val or test"
        with pytest.raises(SplitError, match=message):
            assign(clips, protocol=MANIFEST)

    def test_a_part_that_is_none(self):
        clips = [SplitClip("a", 0, None, "train"), SplitClip("b", 0, None, "Test")]
        with pytest.raises(SplitError, match=r"1 clips have no split \(b\)"):
            assign(clips, protocol=MANIFEST)

    def test_without_test(self):
        clips = [SplitClip(f"c{i}", 0, None, "train") for i in range(9)]
        with pytest.raises(SplitError, match="no clip for test out of 9; add clips"):
            assign(clips, protocol=MANIFEST)

    def test_without_train(self):
        clips = [SplitClip("a", 0, None, "val"), SplitClip("b", 0, None, "test")]
        with pytest.raises(SplitError, match="no clip for train out of 2"):
            assign(clips, protocol=MANIFEST)

    def test_too_little_to_take_val_from(self):
        clips = [SplitClip("a", 0, "s1", "train"), SplitClip("b", 0, "s1", "train")]
        clips += [SplitClip("c", 0, "s2", "test")]
        with pytest.raises(
            SplitError, match="1 subjects or clips cannot be divided into train, val"
        ):
            assign(clips, protocol=MANIFEST)

    def test_a_subject_on_two_sides(self):
        split = ["train", "val", "test", "train"]
        clips = [SplitClip(f"c{i}", 0, f"s{i % 3}", part) for i, part in enumerate(split)]
        assert set(assign(clips, protocol=MANIFEST).values()) == set(PARTS)
        clips.append(SplitClip("c9", 0, "s2", "train"))
        message = r"1 subjects in more than one part: s2: c2 in test, c9 in train\n.*allow_leaks"
        with pytest.raises(SplitError, match=message):
            assign(clips, protocol=MANIFEST)
        assert assign(clips, protocol=MANIFEST, group_by_subject=False)["c9"] == "train"


class TestLeaveOneSubjectOut:
    def test_each_fold_tests_one_subject(self):
        clips = clips_of(20, 20, subjects=5)
        folds = fold_names(LEAVE_ONE_SUBJECT_OUT, ["s3", "s0", "s1", "s2", "s4"])
        assert folds == ["fold-s0", "fold-s1", "fold-s2", "fold-s3", "fold-s4"]
        for index, fold in enumerate(folds):
            parts = assign(clips, fold=fold, protocol=LEAVE_ONE_SUBJECT_OUT, val_fraction=0.25)
            tested = {clip.subject for clip in clips if parts[clip.clip_id] == "test"}
            assert tested == {f"s{index}"}
            assert counts(parts) == {"train": 24, "val": 8, "test": 8}
            assert all(len(where) == 1 for where in subjects_of(clips, parts).values())

    def test_three_subjects_are_enough(self):
        parts = assign(clips_of(9, subjects=3), fold="fold-s1", protocol=LEAVE_ONE_SUBJECT_OUT)
        assert counts(parts) == {"train": 3, "val": 3, "test": 3}

    @pytest.mark.parametrize("subject", ["fold-1", "a/b", "..", "x{y}", "50%", "é 中", "a\nb", "*"])
    def test_odd_subjects_have_a_fold_that_is_a_file_name(self, subject):
        clips = [SplitClip(f"c{i}", 0, name) for i, name in enumerate([subject, "s1", "s2", "s3"])]
        (fold,) = fold_names(LEAVE_ONE_SUBJECT_OUT, [subject])
        assert fold.startswith("fold-")
        assert not set(fold) & set("/{} \n*")
        parts = assign(clips, fold=fold, protocol=LEAVE_ONE_SUBJECT_OUT)
        assert [name for name, part in parts.items() if part == "test"] == ["c0"]

    def test_different_subjects_have_different_folds(self):
        subjects = ["a b", "a_b", "a%20b", "a/b", "a%2Fb"]
        assert len(set(fold_names(LEAVE_ONE_SUBJECT_OUT, subjects))) == 5

    def test_no_two_folds_are_one_folder_on_any_disk(self):
        subjects = ["S1", "s1", "s2", "\u2020", " 20", "\u00e9", "\u00c9", "ss", "\u00df", "S1~"]
        folds = dict(
            zip(sorted(subjects), fold_names(LEAVE_ONE_SUBJECT_OUT, subjects), strict=True)
        )
        forms = {unicodedata.normalize("NFD", fold).casefold() for fold in folds.values()}
        assert len(forms) == len(subjects)
        assert folds["s2"] == "fold-s2"
        # Of s1 no clip may be valid: S1 is found under the name that all subjects gave it.
        for tested in (subjects, [name for name in subjects if name != "s1"]):
            clips = [SplitClip(name, 0, name) for name in tested]
            for name in tested:
                parts = assign(clips, fold=folds[name], protocol=LEAVE_ONE_SUBJECT_OUT)
                assert [clip for clip, part in parts.items() if part == "test"] == [name]

    @pytest.mark.parametrize("fold", [None, "fold-s9", "s1", "fold-"])
    def test_unknown_fold(self, fold):
        with pytest.raises(SplitError, match="it has no test clip"):
            assign(clips_of(9, subjects=3), fold=fold, protocol=LEAVE_ONE_SUBJECT_OUT)

    def test_clips_without_subject(self):
        clips = [*clips_of(9, subjects=3), SplitClip("lost", 0)]
        with pytest.raises(SplitError, match=r"1 clips have no subject \(lost\); fill the column"):
            assign(clips, fold="fold-s1", protocol=LEAVE_ONE_SUBJECT_OUT)

    def test_too_few_subjects(self):
        with pytest.raises(SplitError, match="2 subjects, at least 3 are needed"):
            assign(clips_of(9, subjects=2), fold="fold-s1", protocol=LEAVE_ONE_SUBJECT_OUT)

    def test_other_protocols_have_no_folds(self):
        for protocol in set(PROTOCOLS) - {LEAVE_ONE_SUBJECT_OUT, GROUPED_K_FOLD}:
            assert fold_names(protocol, ["s1", "s2"]) == []


class TestOfficial:
    CLIPS = tuple(
        SplitClip(f"c{i:02}", i % 2, f"s{i % 4}", fold=f"{i % 10 + 1}") for i in range(40)
    )

    def test_each_fold_tests_its_clips(self):
        folds = fold_names(OFFICIAL, [], official=[f"{i + 1}" for i in range(10)])
        assert folds == [f"fold-{i + 1}" for i in range(10)]
        for number, fold in enumerate(folds):
            parts = assign(self.CLIPS, fold=fold, protocol=OFFICIAL)
            tested = [name for name, part in parts.items() if part == "test"]
            assert sorted(tested) == [f"c{number + 10 * i:02}" for i in range(4)]
            assert set(parts.values()) == set(PARTS)

    def test_of_a_single_split(self):
        clips = [SplitClip(f"c{i}", 0, split="test" if i < 3 else "train") for i in range(12)]
        assert fold_names(OFFICIAL, ["s1"]) == []
        assert counts(assign(clips, protocol=OFFICIAL))["test"] == 3

    def test_clips_without_fold(self):
        with pytest.raises(SplitError, match=r"1 clips have no fold \(lost\)"):
            assign([*self.CLIPS, SplitClip("lost", 0)], fold="fold-1", protocol=OFFICIAL)

    def test_each_clip_is_tested_once(self):
        clips = official()
        folds = fold_names(OFFICIAL, [], official=["10", "2", "1", "4", "3", "5"][1:])
        assert folds == [f"fold-{number}" for number in range(1, 6)]
        tested = Counter()
        for fold in folds:
            parts = assign(clips, fold=fold, protocol=OFFICIAL)
            assert set(parts.values()) == set(PARTS)
            test = {name for name, part in parts.items() if part == "test"}
            assert test == {clip.clip_id for clip in clips if f"fold-{clip.fold}" == fold}
            tested.update(test)
        assert set(tested.values()) == {1}
        assert len(tested) == len(clips)

    def test_a_release_of_one_fold_alone(self):
        clips = [SplitClip(f"c{i}", i % 2, fold="1") for i in range(6)]
        with pytest.raises(SplitError, match="all 6 clips are test clips, none is left to train"):
            assign(clips, fold="fold-1", protocol=OFFICIAL)

    def test_folds_are_in_natural_order(self):
        assert fold_names(OFFICIAL, [], official=["10", "9", "1"]) == [
            "fold-1",
            "fold-9",
            "fold-10",
        ]

    def test_val_comes_out_of_train(self):
        parts = assign(official(), fold="fold-2", protocol=OFFICIAL, val_fraction=0.25)
        assert counts(parts) == {"train": 30, "val": 10, "test": 10}

    def test_without_folds_the_split_is_taken(self):
        clips = [SplitClip(f"c{i}", i % 2, split="test" if i % 4 else "train") for i in range(80)]
        assert fold_names(OFFICIAL, ["s1"], official=[]) == []
        parts = assign(clips, protocol=OFFICIAL)
        assert {n for n, part in parts.items() if part == "test"} == {
            clip.clip_id for clip in clips if clip.split == "test"
        }
        assert counts(parts)["val"] in (2, 3)

    def test_neither_fold_nor_split(self):
        with pytest.raises(SplitError, match=r"split\.protocol official: 9 clips have no split"):
            assign([SplitClip(f"c{i}", 0) for i in range(9)], protocol=OFFICIAL)

    def test_some_clips_without_a_fold(self):
        clips = [*official(), SplitClip("lost", 0)]
        with pytest.raises(SplitError, match=r"1 clips have no fold \(lost\); copy all of"):
            assign(clips, fold="fold-1", protocol=OFFICIAL)

    def test_unknown_fold(self):
        for fold in (None, "fold-9"):
            with pytest.raises(SplitError, match="it has no test clip"):
                assign(official(), fold=fold, protocol=OFFICIAL)

    def test_shared_movies_and_people_are_the_authors_decision(self):
        clips = official(subject="s1", source="film", take="t")
        # One person is one group, from which no validation part can be taken.
        with pytest.raises(SplitError, match="1 subjects or clips cannot be divided"):
            assign(clips, fold="fold-1", protocol=OFFICIAL)
        allowed = {"allow_leaks": ["subject", "take", "source"]}
        assert set(assign(clips, fold="fold-1", protocol=OFFICIAL, **allowed).values()) == set(
            PARTS
        )
        films = [
            SplitClip(c.clip_id, c.label, fold=c.fold, source=f"film{i % 7}")
            for i, c in enumerate(clips)
        ]
        assert set(assign(films, fold="fold-1", protocol=OFFICIAL).values()) == set(PARTS)

    def test_identical_bytes_stop_the_build(self):
        clips = official()
        clips[0] = SplitClip("c000", 0, fold="1", content="same")
        clips[1] = SplitClip("c001", 1, fold="2", content="same")
        message = "1 clips with identical bytes in more than one part: c000 in test, c001 in"
        with pytest.raises(SplitError, match=message) as error:
            assign(clips, fold="fold-1", protocol=OFFICIAL)
        assert "split.allow_leaks" in str(error.value)
        assert assign(clips, fold="fold-1", protocol=OFFICIAL, allow_leaks=["content"])
        # In the training part of fold 3, both clips stay on one side of the validation part.
        parts = assign(clips, fold="fold-3", protocol=OFFICIAL)
        assert parts["c000"] == parts["c001"]


class TestGroupedKFold:
    def test_every_clip_is_tested_once_together_with_its_subject(self):
        clips = clips_of(50, 50, subjects=20)
        folds = fold_names(GROUPED_K_FOLD, [], folds=4)
        assert folds == ["fold-1", "fold-2", "fold-3", "fold-4"]
        tested = Counter()
        for fold in folds:
            parts = assign(clips, fold=fold, protocol=GROUPED_K_FOLD, folds=4)
            assert set(parts.values()) == set(PARTS)
            assert all(len(where) == 1 for where in subjects_of(clips, parts).values())
            tested.update(name for name, part in parts.items() if part == "test")
        assert tested == Counter(clip.clip_id for clip in clips)

    def test_too_few_subjects(self):
        with pytest.raises(SplitError, match="4 subjects or clips cannot be divided"):
            assign(clips_of(40, subjects=4), fold="fold-1", protocol=GROUPED_K_FOLD)

    @quick
    @given(tied_clips(), st.integers(2, 5), st.integers(0, 99))
    def test_groups_stay_together_and_every_clip_is_tested_once(self, clips, folds, seed):
        clips += [SplitClip(f"free{i}", i % 3) for i in range(4 * folds)]
        tested = Counter()
        for fold in fold_names(GROUPED_K_FOLD, [], folds=folds):
            parts = assign(clips, fold=fold, protocol=GROUPED_K_FOLD, folds=folds, seed=seed)
            assert find_leaks(clips, parts, KINDS) == []
            tested.update(name for name, part in parts.items() if part == "test")
        assert tested == Counter(clip.clip_id for clip in clips)

    def test_people_are_spread_evenly(self):
        clips = [SplitClip(f"c{i}", i % 4, f"s{i % 20}") for i in range(400)]
        for fold in fold_names(GROUPED_K_FOLD, [], folds=4):
            parts = assign(clips, fold=fold, protocol=GROUPED_K_FOLD, folds=4)
            assert counts(parts)["test"] == 100

    def test_a_large_group_is_not_all_that_a_fold_holds(self):
        clips = [SplitClip(f"c{i}", i % 3, content="same") for i in range(20)]
        clips += [SplitClip(f"free{i}", i % 3) for i in range(8)]
        for fold in fold_names(GROUPED_K_FOLD, [], folds=2):
            parts = assign(clips, fold=fold, protocol=GROUPED_K_FOLD, folds=2, seed=2)
            assert find_leaks(clips, parts, KINDS) == []
            assert set(parts.values()) == set(PARTS)

    def test_too_few_groups(self):
        clips = [SplitClip(f"c{i}", 0, f"s{i % 3}") for i in range(30)]
        with pytest.raises(
            SplitError, match="3 subjects or clips cannot be divided into fold-1, fo"
        ):
            assign(clips, fold="fold-1", protocol=GROUPED_K_FOLD, folds=5)


class TestErrors:
    def test_unknown_protocol(self):
        with pytest.raises(
            SplitError, match="'70-30' is not known; use one of 80-10-10, 80-20, off"
        ):
            assign(clips_of(9), protocol="70-30")

    def test_a_protocol_of_several_datasets(self):
        with pytest.raises(SplitError, match="of several datasets: ask for train_mlp, report"):
            assign(clips_of(9), protocol="cross_dataset")

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_too_few_clips(self, count):
        with pytest.raises(SplitError, match=f"{count} subjects or clips cannot be divided into"):
            assign(clips_of(count))

    def test_too_few_subjects_says_how_to_go_on(self):
        clips = clips_of(50, subjects=2)
        with pytest.raises(SplitError, match=r"add data, .* split\.allow_leaks name"):
            assign(clips)
        assert set(assign(clips, group_by_subject=False).values()) == set(PARTS)
