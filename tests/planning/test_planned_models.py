"""Variants and vision-language models as they are planned: which files, which options."""

from dataclasses import replace

import pytest

from facewave.config.check import check_config
from facewave.evaluation.names import SAME_CLIPS
from facewave.planning.ablation import (
    bucket_batches,
    flat,
    fold_batches,
    read_ablation,
    variant_predictions,
    variant_splits,
    written_splits,
)
from facewave.planning.plan import DatasetPlan, PlanError
from facewave.planning.project import Project, baseline_rule, stage_options
from facewave.planning.texts import joined_text_files
from facewave.planning.vlm import (
    annotated_dataset,
    annotation_examples,
    compared_models,
    control_predictions,
    files_of,
    gpus,
    score_file,
    scored_stages,
    shown_files,
    stage_scores,
    toy_sections,
    training_files,
    vlm_sections,
    zero_shot_options,
    zero_shot_resources,
)
from facewave.splits.partition import PARTS
from facewave.versions import FEATURE_VERSION
from facewave.vlm.plan import vlm_section
from tests.workflow.workflow import ROOT

TOY = ROOT / "presets/vlm_tiny.yaml"


def project(folder, **changes):
    given = {key: value for key, value in changes.items() if key != "mine"}
    config = check_config({"results": str(folder), **given})
    plan = DatasetPlan(bucket_count=1, buckets=["0000"], subjects=["s1", "s2"])
    options = {"adapter": "table", "classes": ["a", "b"], "texts": None}
    datasets = {"mine": {**options, **changes.get("mine", {})}}
    return Project(config, datasets, {"mine": plan}, {"mine": []}, {})


class TestAblation:
    def test_a_file_per_seed_in_a_list_per_job(self, tmp_path):
        config = check_config({"ablation": {"seeds": [1, 2], "variants": {"default": {}, "b": {}}}})
        planned = self.of_size(tmp_path, 2_001, folds=2)
        ablation = read_ablation(config)
        found = variant_predictions(planned, ablation, "mine")
        folder = tmp_path / "mine/ablation/b/80-10-10"
        assert found["b"] == [
            [str(folder / fold / f"seed-{seed}.parquet") for seed in (1, 2)]
            for fold in ("fold-1", "fold-2")
        ]
        assert len(flat(found)) == 8
        inner = variant_predictions(planned, ablation, "mine", inner=True)["b"]
        assert inner[1][0] == str(folder / "fold-2/inner/seed-1.parquet")
        (single,) = variant_predictions(project(tmp_path), ablation, "mine")["b"]
        assert single == [str(folder / f"seed-{seed}.parquet") for seed in (1, 2)]

    def of_size(self, folder, clips, *, folds):
        found = replace(project(folder), folds={"mine": [f"fold-{i + 1}" for i in range(folds)]})
        return replace(found, plans={"mine": replace(found.plans["mine"], clips=clips)})

    def test_folds_of_few_clips_share_a_job(self, tmp_path):
        every = [f"80-10-10/fold-{i + 1}" for i in range(5)]
        assert fold_batches(self.of_size(tmp_path, 120, folds=5), "mine") == {
            "80-10-10/fold-1_to_fold-5": every
        }
        assert fold_batches(self.of_size(tmp_path, 1_500, folds=5), "mine") == {
            "80-10-10/fold-1_to_fold-2": every[:2],
            "80-10-10/fold-3_to_fold-4": every[2:4],
            "80-10-10/fold-5": every[4:],
        }
        alone = fold_batches(self.of_size(tmp_path, 100_000, folds=5), "mine")
        assert alone == {fold: [fold] for fold in every}
        assert fold_batches(project(tmp_path), "mine") == {"80-10-10": ["80-10-10"]}

    def test_buckets_of_few_clips_share_a_job(self, tmp_path):
        buckets = [f"{number:04d}" for number in range(8)]
        found = self.of_size(tmp_path, 8 * 1_500, folds=5)
        plan = replace(found.plans["mine"], buckets=buckets)
        jobs = bucket_batches(replace(found, plans={"mine": plan}), "mine")
        assert list(jobs) == ["0000_to_0001", "0002_to_0003", "0004_to_0005", "0006_to_0007"]
        assert [bucket for job in jobs.values() for bucket in job] == buckets
        few = replace(plan, clips=120)
        assert bucket_batches(replace(found, plans={"mine": few}), "mine") == {
            "0000_to_0007": buckets
        }

    def test_one_job_writes_the_splits_of_its_folds_for_all_variants_with_its_features(
        self, tmp_path
    ):
        coarse = {"wavelet": {"coefficients": 4}}
        same = {**coarse, "mlp": {"hidden": [8]}}
        section = {"variants": {"default": {}, "b": coarse, "c": same}}
        ablation = read_ablation(check_config({"ablation": section}))
        planned = self.of_size(tmp_path, 2_000, folds=3)
        every = [f"80-10-10/fold-{i}" for i in (1, 2, 3)]

        def found(of, variant, folds):
            return of(planned, ablation, "mine", variant=variant, folds=folds)

        mine = tmp_path / "mine"
        own = [
            {part: str(mine / "splits" / f / f"{part}.parquet") for part in PARTS} for f in every
        ]
        assert found(variant_splits, "default", every) == own
        assert found(written_splits, "default", every[:1]) == list(own[0].values())
        jobs = ["80-10-10/fold-1_to_fold-2", "80-10-10/fold-3"]
        folders = [str(mine / "ablation/b" / job / "splits") for job in jobs]
        for variant in ("b", "c"):
            assert found(written_splits, variant, every) == folders
            assert found(written_splits, variant, every[1:2]) == folders[:1]
            (second,) = found(variant_splits, variant, every[1:2])
            assert second["val"] == f"{folders[0]}/fold-2/val.parquet"

    def test_seeds_are_those_of_the_training_unless_given(self):
        assert read_ablation(check_config({"seeds": [7, 8]})).seeds == [7, 8]
        config = check_config({"seeds": [7, 8], "ablation": {"seeds": [1]}})
        assert read_ablation(config).seeds == [1]

    def test_inner_files_of_named_variants(self, tmp_path):
        config = check_config({"ablation": {"seeds": [1], "variants": {"default": {}, "b": {}}}})
        ablation = read_ablation(config)
        found = variant_predictions(
            project(tmp_path), ablation, "mine", names=["default"], inner=True
        )
        assert list(found) == ["default"]
        assert all("/inner/seed-1.parquet" in file for file in flat(found))

    def test_features_of_a_variant_hold_no_model(self):
        config = check_config(
            {"ablation": {"variants": {"default": {}, "b": {"wavelet": {"coefficients": 4}}}}}
        )
        features = read_ablation(config).features("b")
        assert features["wavelet"]["coefficients"] == 4
        assert features["version"] == FEATURE_VERSION
        assert "mlp" not in features

    def test_the_baseline_of_a_person_is_not_coded(self):
        config = check_config({"features": {"subject_baseline": "mean", "enrolment": 8}})
        assert stage_options(config) == stage_options(check_config({}))
        assert read_ablation(config).features("default") == stage_options(config)["features"]
        assert baseline_rule(config["features"], seed=3) == {
            "subject_baseline": "mean",
            "enrolment": 8,
            "baseline_person": "auto",
            "seed": 3,
        }

    def test_variants_of_another_task_are_not_compared(self):
        variants = {"default": {}, "own": {"features": {"subject_baseline": "mean"}}}
        with pytest.raises(PlanError, match=r"variants\.own\.features: .* another task"):
            read_ablation(check_config({"ablation": {"variants": variants}}))

    def test_controls_are_known_and_no_candidates(self):
        control = {"control": "shuffled_labels"}
        config = check_config({"ablation": {"variants": {"default": {}, "c": control}}})
        ablation = read_ablation(config)
        assert ablation.controls == {"c": "shuffled_labels"}
        assert ablation.candidates == ["default"]

    def test_a_variant_that_cannot_be(self):
        config = check_config({"ablation": {"variants": {"default": {}}, "candidates": ["x"]}})
        with pytest.raises(PlanError, match="'x' is not among the variants"):
            read_ablation(config)


class TestVlm:
    def test_the_toy_keeps_the_rest_of_the_section(self):
        config = check_config({"vlm": {"class_weights": "none"}})
        sections = vlm_sections(config, toy_preset=TOY)
        assert sections["paligemma"] == vlm_section(config)
        assert sections["paligemma_tiny"]["model"] == "tiny-random"
        assert sections["paligemma_tiny"]["class_weights"] == "none"

    def test_fine_tuning_starts_from_the_stage_before(self, tmp_path):
        planned = project(tmp_path)
        section = vlm_section(planned.config)
        where = {"vlm": "paligemma", "control": "full", "split": "80-10-10"}
        first = training_files(section, planned, "mine", stage="adaptation", **where)
        second = training_files(section, planned, "mine", stage="fine_tuning", **where)
        assert first["start"] == []
        assert second["start"] == (
            tmp_path / "mine/vlm/paligemma/full/adaptation/80-10-10/weights.safetensors"
        )

    def test_shuffled_time_has_splits_of_its_own(self, tmp_path):
        planned = project(tmp_path)
        where = {"vlm": "paligemma", "stage": "adaptation", "split": "80-10-10"}
        files = training_files(
            vlm_section(planned.config), planned, "mine", control="shuffled_time", **where
        )
        expected = tmp_path / "mine/vlm/shuffled_time/splits/80-10-10/train.parquet"
        assert files["train"] == expected

    def test_a_regression_has_other_scores_and_no_fusion(self, tmp_path):
        planned = project(tmp_path, vlm={"head": "regression", "report": []})
        section = vlm_section(planned.config)
        trained = score_file(section, planned, "mine", vlm="paligemma", stage="fine_tuning")
        assert trained.name == "regression.json"
        assert scored_stages(section) == ["adaptation", "fine_tuning"]
        with pytest.raises(PlanError, match="ablate_paligemma compares classes"):
            control_predictions(section, planned, "mine", vlm="paligemma")

    def test_a_regression_without_targets_is_told_by_the_key(self, tmp_path):
        planned = project(tmp_path, vlm={"head": "regression", "report": []})
        where = {"vlm": "paligemma", "control": "full", "split": "80-10-10"}
        with pytest.raises(PlanError, match=r"the clips of mine have no targets"):
            training_files(
                vlm_section(planned.config), planned, "mine", stage="adaptation", **where
            )

    def test_scores_of_stages_on_every_dataset(self, tmp_path):
        planned = project(tmp_path)
        sections = vlm_sections(planned.config, toy_preset=TOY)
        assert stage_scores(sections, planned, "paligemma", ["zero_shot", "fusion"]) == [
            tmp_path / "mine/evaluation/zero_shot/untrained_paligemma/80-10-10/metrics.json",
            tmp_path / "mine/evaluation/paligemma/full/fusion/80-10-10/metrics.json",
        ]

    def test_a_toy_needs_no_gpu(self):
        section = {"gpus": 4, "model": "org/large"}
        assert gpus(section, section) == 4
        assert gpus(section, {"model": "tiny-random"}) == 0

    def test_an_untrained_model_answers_by_its_own_section(self):
        config = check_config({"vlm": {"gpus": 4, "threads": 3}})
        sections = vlm_sections(config, toy_preset=TOY)
        options = zero_shot_options(config, sections, "untrained_paligemma")
        assert options["model"]["model"] == config["vlm"]["model"]
        assert zero_shot_resources(config, sections, "untrained_paligemma") == (1, 3)

    def test_no_numbers_before_training(self):
        config = check_config({"vlm": {"head": "regression", "report": []}})
        sections = vlm_sections(config, toy_preset=TOY)
        with pytest.raises(PlanError, match="cannot predict numbers"):
            zero_shot_options(config, sections, "untrained_paligemma")

    def test_the_report_names_what_it_shows(self, tmp_path):
        planned = project(tmp_path, vlm={"report": ["fine_tuning"]})
        tuned, fair = shown_files(planned.config, planned, "mine").items()
        folder = tmp_path / "mine/vlm/paligemma/full/fine_tuning/80-10-10"
        assert tuned == (
            "PaliGemma 2: after fine-tuning",
            {
                "scores": str(
                    tmp_path / "mine/evaluation/paligemma/full/fine_tuning/80-10-10/metrics.json"
                ),
                "answers": [str(folder / "predictions.parquet")],
                "metrics": [str(folder / "metrics.csv")],
                "movement": [str(folder / "movement.csv")],
                "family": "paligemma",
                "stage": "fine_tuning",
            },
        )
        assert fair[0] == SAME_CLIPS
        assert files_of(dict([fair])) == [
            str(tmp_path / "mine/evaluation/mlp_same_clips/80-10-10/metrics.json"),
            str(tmp_path / "mine/vlm/mlp/80-10-10/predictions.parquet"),
        ]

    def test_the_page_of_the_toys_shows_every_stage_of_both(self, tmp_path):
        planned = project(tmp_path, zero_shot={"report": True})
        toys = toy_sections(vlm_sections(planned.config, toy_preset=TOY))
        shown = shown_files(planned.config, planned, "mine", sections=toys)
        stages = [files["stage"] for files in shown.values() if "family" in files]
        assert stages == 2 * ["zero_shot", "adaptation", "fine_tuning", "fusion"]
        assert list(shown)[-1] == SAME_CLIPS
        assert all("toy size" in title for title in list(shown)[:-1])


class TestTexts:
    def test_nothing_to_describe_is_said(self):
        with pytest.raises(PlanError, match=r"annotate\.dataset: found null"):
            annotated_dataset(check_config({}))

    def test_examples_are_of_the_other_dataset(self, tmp_path):
        planned = project(tmp_path)
        assert annotation_examples(planned.config, planned) == {}
        files = annotation_examples({**planned.config, "annotate": {"examples": "mine"}}, planned)
        assert files["example_tracks"] == [tmp_path / "mine/tracks/0000.tsv"]

    def test_a_table_of_texts_must_be_there_unless_it_is_made(self, tmp_path):
        texts = {"from": "/no/such/none.csv", "replace": False}
        with pytest.raises(PlanError, match=r"texts\.from: .*none\.csv: no such file"):
            joined_text_files(project(tmp_path, mine={"texts": texts}), "mine")
        made = project(tmp_path, mine={"texts": {"from": "transcripts", "replace": False}})
        assert joined_text_files(made, "mine") == [str(tmp_path / "mine/transcripts.parquet")]


class TestComparedModels:
    def test_all_seeds_of_the_mlp_stand_beside_the_models_of_the_report(self, tmp_path):
        planned = project(
            tmp_path,
            seeds=[5, 6],
            zero_shot={"report": True, "enabled": ["qwen"]},
            vlm={"report": ["zero_shot", "fine_tuning"]},
        )
        found = compared_models(planned.config, planned, "mine")
        folder = tmp_path / "mine"
        mlp = [str(folder / "mlp/80-10-10" / n) for n in ("predictions.parquet", "seed-6.parquet")]
        assert found["MLP"] == [mlp]
        assert found["logistic regression"] == [[str(folder / "mlp/80-10-10/linear.parquet")]]
        places = [files[0][0] for files in list(found.values())[2:]]
        assert places == [
            str(folder / place / "80-10-10/predictions.parquet")
            for place in (
                "zero_shot/untrained_paligemma",
                "vlm/paligemma/full/fine_tuning",
                "vlm/mlp",
                "zero_shot/qwen",
            )
        ]

    def test_predicted_values_are_not_compared(self, tmp_path):
        numbers = project(tmp_path, vlm={"head": "regression", "report": ["fine_tuning"]})
        found = compared_models(numbers.config, numbers, "mine")
        assert list(found) == ["MLP", "logistic regression"]
