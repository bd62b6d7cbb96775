"""`snakemake ablate` and `explain` on rendered clips, and what a change makes again."""

import csv
import json
from pathlib import Path

import pytest

from facewave.evaluation.predictions import read_predictions
from tests.workflow.workflow import Run, copy_project, snakemake, write_config

pytestmark = pytest.mark.workflow

SECTIONS = {
    "ablation": {"seeds": [0, 1], "variants": {"default": {}}},
    "explanation": {"repeats": 2},
}


@pytest.fixture(scope="module")
def explained(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """Three subjects with two clips each; everything that the two targets make."""
    work = copy_project(finished, tmp_path_factory.mktemp("ablation") / "project")
    write_config(work, **SECTIONS)
    return work, snakemake(work, "--", "ablate", "explain")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_only_what_is_new_is_made(explained: tuple[Path, Run]) -> None:
    work, run = explained
    # The variant has the configuration's features: it reads the splits that are there.
    assert run.jobs == {"fit_variant": 1, "compare_variants": 1, "explain_model": 1}
    assert snakemake(work, "-n", "--", "ablate", "explain").jobs == {}


def test_ablation_tests_every_clip_once(explained: tuple[Path, Run]) -> None:
    folder = explained[0] / "results/small/ablation"
    (row,) = rows(folder / "ablation.csv")
    assert (row["variant"], row["clips"], row["seeds"]) == ("default", "2", "2")
    assert row["p"] == "1.0000"
    assert (folder / "ablation.svg").stat().st_size > 1000
    for seed in (0, 1):
        path = folder / f"default/80-10-10/seed-{seed}.parquet"
        assert len(set(read_predictions(path).clip_ids)) == 2
    # The parts of a variant are many times the size of all else: they are gone afterwards.
    assert not list(folder.rglob("train.parquet"))


def test_explanation_has_every_part(explained: tuple[Path, Run]) -> None:
    results = explained[0] / "results/small"
    folder = results / "explanation/80-10-10"
    summary = json.loads((folder / "importance.json").read_text())
    assert (summary["clips"], summary["repeats"], summary["folds"]) == (2, 2, 1)
    kinds = {row["kind"] for row in rows(folder / "importance.csv")}
    assert kinds == {"everything", "input", "scale", "region", "blendshape"}
    assert (folder / "importance.png").read_bytes()[:4] == b"\x89PNG"
    assert (results / "evaluation/mlp/80-10-10/confused_clips.csv").is_file()


def test_report_shows_the_explanation_and_keeps_it_fresh(
    explained: tuple[Path, Run], tmp_path: Path
) -> None:
    work = copy_project(explained[0], tmp_path / "project")
    write_config(work, **SECTIONS)
    assert snakemake(work).jobs == {"write_report": 1}
    page = (work / "results/small/report.html").read_text()
    assert "What the model looks at" in page
    assert 'id="variants"' in page
    write_config(work, **SECTIONS, mlp={"hidden": [4], "max_epochs": 3, "patience": 3})
    planned = snakemake(work, "-n").jobs
    # The variants are shown as they were compared: a report does not train them all again.
    models = {"fit_mlp": 1, "evaluate": 1, "compare_models": 1}
    assert planned == {**models, "explain_model": 1, "write_report": 1}


def test_tuning_trains_once_a_variant_and_fold(explained: tuple[Path, Run], tmp_path: Path) -> None:
    """One fold of the main protocol; with another protocol, one per subject."""
    work = copy_project(explained[0], tmp_path / "project")
    write_config(work, **SECTIONS)
    jobs = snakemake(work, "-n", "--", "tune").jobs
    assert (jobs["fit_inner"], jobs["choose_variants"]) == (1, 1)
    write_config(work, **SECTIONS, split={"protocol": "leave_one_subject_out"})
    jobs = snakemake(work, "-n", "--", "tune").jobs
    assert (jobs["fit_inner"], jobs["fit_variant"], jobs["choose_variants"]) == (3, 1, 1)
