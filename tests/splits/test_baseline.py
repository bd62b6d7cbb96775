"""A person's baseline against means and deviations computed by hand, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from facewave.manifest.clips import Clip
from facewave.splits.baseline import (
    Baseline,
    BaselineError,
    BaselineOptions,
    calibration_text,
    persons_of,
)
from facewave.splits.read import read_split
from facewave.splits.write import write_splits
from tests.splits.split_dataset import CLASSES, SHAPES, Dataset

PEOPLE = {f"c{i:02}": f"p{i % 3}" for i in range(21)}  # seven clips each


def clip_features():
    random = np.random.default_rng(0)
    offsets = {name: 100 * random.normal(size=6) for name in ("p0", "p1", "p2", "p3")}
    found = {}
    for clip_id, person in [*PEOPLE.items(), ("lone", "p3")]:
        values = (random.normal(size=6) + offsets[person]).astype(np.float32)
        found[clip_id] = {"landmarks": values[:4].reshape(2, 2), "pose": values[4:]}
    return found


FEATURES = clip_features()


def fit(tmp_path, persons=PEOPLE, features=FEATURES, **options):
    given = BaselineOptions(**{"subject_baseline": "mean", **options})
    return Baseline(persons, features.__getitem__, given, scratch=tmp_path)


def own(person, group="pose"):
    return np.stack([FEATURES[c][group] for c, p in PEOPLE.items() if p == person])


class TestAll:
    def test_the_mean_of_all_own_clips_is_subtracted(self, tmp_path):
        baseline = fit(tmp_path)
        found = baseline("c04", FEATURES["c04"])
        expected = FEATURES["c04"]["landmarks"] - own("p1", "landmarks").mean(axis=0)
        np.testing.assert_allclose(found["landmarks"], expected, atol=1e-4)
        assert found["landmarks"].shape == (2, 2)
        assert found["pose"].dtype == np.float32

    def test_standardised_clips_have_a_deviation_of_one(self, tmp_path):
        baseline = fit(tmp_path, subject_baseline="standardise")
        values = [baseline(c, FEATURES[c])["pose"] for c, p in PEOPLE.items() if p == "p2"]
        np.testing.assert_allclose(np.mean(values, axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(np.std(values, axis=0), 1, atol=1e-3)

    def test_a_column_that_stays_becomes_zero(self, tmp_path):
        features = {c: {**f, "pose": np.float32([0.1, 7])} for c, f in FEATURES.items()}
        found = fit(tmp_path, features=features, subject_baseline="standardise")
        np.testing.assert_allclose(found("c00", features["c00"])["pose"], 0, atol=1e-6)

    def test_other_people_do_not_matter(self, tmp_path):
        persons = {c: p for c, p in PEOPLE.items() if p == "p0"}
        alone = fit(tmp_path, persons)("c03", FEATURES["c03"])["pose"]
        np.testing.assert_array_equal(alone, fit(tmp_path)("c03", FEATURES["c03"])["pose"])


class TestDrawn:
    @pytest.mark.parametrize("k", [1, 3, 6])
    def test_each_reference_is_k_clips_of_the_person_without_the_clip_itself(self, tmp_path, k):
        baseline = fit(tmp_path, enrolment=k, seed=5)
        for clip_id, person in PEOPLE.items():
            drawn = baseline.drawn[person]
            assert len(drawn) == k + 1
            assert {PEOPLE[c] for c in drawn} == {person}
            reference = [c for c in drawn if c != clip_id][:k]
            assert clip_id not in reference
            mean = np.mean([FEATURES[c]["pose"] for c in reference], axis=0)
            found = baseline(clip_id, FEATURES[clip_id])["pose"]
            np.testing.assert_allclose(found, FEATURES[clip_id]["pose"] - mean, atol=1e-4)

    def test_the_seed_draws(self, tmp_path):
        draws = [fit(tmp_path, enrolment=2, seed=seed).drawn for seed in (1, 1, 2)]
        assert draws[0] == draws[1] != draws[2]

    def test_the_order_of_clips_does_not(self, tmp_path):
        backwards = dict(reversed(PEOPLE.items()))
        first, second = (fit(tmp_path, p, enrolment=2).drawn for p in (PEOPLE, backwards))
        assert first == second


class TestPeopleWithFewClips:
    def test_are_named_with_what_is_needed(self, tmp_path):
        baseline = fit(tmp_path, {**PEOPLE, "lone": "p3"})
        assert baseline.refused == {"lone": "person p3 has 1 valid clips, subject_baseline needs 2"}
        assert "p3" not in baseline.references

    def test_nobody_with_enough_is_an_error(self, tmp_path):
        with pytest.raises(BaselineError, match=r"no person has 8 valid clips \(p0: 7, .*lower"):
            fit(tmp_path, enrolment=7)


def test_a_reference_of_similar_clips_has_a_small_spread(tmp_path):
    features = dict(FEATURES)
    for clip_id, person in PEOPLE.items():
        if person == "p0":  # the same expression again and again
            values = {g: 0.1 * a + 0.9 * FEATURES["c00"][g] for g, a in FEATURES[clip_id].items()}
            features[clip_id] = {g: a.astype(np.float32) for g, a in values.items()}
    references = fit(tmp_path, features=features).references
    assert references["p0"].spread < 0.3
    assert references["p1"].spread > 0.8
    assert references["p1"].clips == 7


class TestPersons:
    CLIP = Clip("a", "v/one.mp4", 0, 0, "happy", subject="s", source="film")

    @pytest.mark.parametrize(
        ("person", "expected"), [("auto", "s"), ("subject", "s"), ("source", "film")]
    )
    def test_of_a_clip(self, person, expected):
        assert persons_of([self.CLIP], person) == {"a": expected}

    def test_windows_of_one_video_are_one_person_where_the_subject_is_not_known(self):
        windows = [
            replace(self.CLIP, clip_id=c, subject=None, start_ms=f, end_ms=f + 9)
            for c, f in (("a", 0), ("b", 9))
        ]
        assert set(persons_of(windows, "auto").values()) == {"v/one.mp4"}
        with pytest.raises(BaselineError, match=r"2 clips .*\(a, b\).*baseline_person: source"):
            persons_of(windows, "subject")

    def test_a_whole_video_of_nobody_known_is_refused(self):
        with pytest.raises(BaselineError, match="fill the column `subject`"):
            persons_of([replace(self.CLIP, subject=None)], "auto")


@pytest.mark.parametrize(
    "options",
    [
        {"subject_baseline": "median"},
        {"enrolment": 0},
        {"enrolment": "some"},
        {"subject_baseline": "standardise", "enrolment": 1},
        {"baseline_person": "label"},
    ],
)
def test_options_that_cannot_work(options):
    with pytest.raises(ValueError, match=r"features\.\w+"):
        BaselineOptions(**options)


def test_words_beside_scores():
    everything = {"enrolment": "all"}
    assert calibration_text({"enrolment": 8}, (8, 8)) == (
        "calibrated on 8 unlabelled clips of each test person"
    )
    assert calibration_text(everything) == "calibrated on all unlabelled clips of each test person"
    assert calibration_text({"enrolment": 1}).endswith("on 1 unlabelled clip of each test person")
    assert "20 to 24 unlabelled clips (all there are)" in calibration_text(everything, (20, 24))


class TestSplits:
    @pytest.fixture
    def dataset(self, tmp_path):
        dataset = Dataset(tmp_path)
        dataset.clips = [
            replace(clip, subject="lone" if i == 0 else f"s{i % 2}")
            for i, clip in enumerate(dataset.clips)
        ]
        return dataset

    def written(self, dataset, **options):
        outputs = {p: dataset.folder / "b" / f"{p}.parquet" for p in ("train", "val", "test")}
        write_splits(
            dataset.clips,
            dataset.index,
            dataset.parts(),
            outputs=outputs,
            store=dataset.store,
            shapes=SHAPES,
            metadata={"classes": CLASSES},
            baseline=BaselineOptions(subject_baseline="mean", **options),
        )
        return outputs

    def test_features_are_relative_to_clips_of_all_parts(self, dataset):
        table = read_split(self.written(dataset)["val"], groups=["blendshapes"])
        valid = [c for c in dataset.clips if dataset.index[c.clip_id]["valid"] == "true"]
        for clip_id, values in zip(table.clip_ids, table.groups["blendshapes"], strict=True):
            subject = next(c.subject for c in dataset.clips if c.clip_id == clip_id)
            same = [dataset.features[c.clip_id] for c in valid if c.subject == subject]
            mean = np.mean([f["blendshapes"] for f in same], axis=0)
            expected = dataset.features[clip_id]["blendshapes"] - mean
            np.testing.assert_allclose(values, expected.ravel(), atol=1e-5)

    def test_a_person_with_one_clip_is_invalid_and_says_so(self, dataset):
        path = self.written(dataset)["train"]
        table = read_split(path, groups=["blendshapes"])
        assert (table.clip_ids[0], table.valid[0]) == ("c000", False)
        assert not table.groups["blendshapes"][0].any()
        assert "person lone has 1 valid" in pq.read_table(path)["reason"][0].as_py()

    def test_the_rule_and_the_references_are_in_the_metadata(self, dataset):
        outputs = self.written(dataset, enrolment=3, seed=7)
        metadata = read_split(outputs["train"], groups=()).metadata
        assert metadata["baseline"] == {
            "subject_baseline": "mean",
            "enrolment": 3,
            "baseline_person": "auto",
            "seed": 7,
        }
        assert {name: r["clips"] for name, r in metadata["baseline_references"].items()} == {
            "s0": 3,
            "s1": 3,
        }

    def test_the_digest_knows_the_baseline(self, dataset):
        def digest(path):
            return json.loads(pq.read_schema(path).metadata[b"facewave"])["data_sha256"]

        plain = digest(dataset.write()["train"])
        digests = {digest(self.written(dataset, seed=s, enrolment=3)["train"]) for s in (1, 2)}
        assert len({plain, *digests}) == 3
