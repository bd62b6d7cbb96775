"""Memory and time of the stages after the features, from scores to report.

python benchmarks/scale/scale_stages.py --folder /tmp/scale [--clips N ...] [--json PATH] [--keep]

Clips, quality, answers and hashes are made up; five folds; half of the answers are wrong, a tenth
of the clips is invalid, and 50 trajectory shards stand for all. A row of the splits has one
feature: these stages read its label only. Each step runs the code of the workflow's own script
in a separate process, and reports its peak memory (Linux: VmHWM).
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from scale_splits import PARTS, ROOT, default_config, figures, run_alone
from scale_stage_inputs import make_inputs

sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

STEPS = ("evaluate", "cross_validate", "near_duplicates", "write_report")


def evaluate(folder: Path) -> None:
    import evaluate as script

    folds = sorted(folder.glob("fold-*"))
    script.main(
        predictions=[str(fold / "predictions.parquet") for fold in folds],
        train_splits=[str(fold / "train.parquet") for fold in folds],
        test_splits=[str(fold / "test.parquet") for fold in folds],
        metrics=str(folder / "metrics.json"),
        figure=str(folder / "confusion.png"),
        confused_clips=str(folder / "confused_clips.csv"),
        confused_classes=str(folder / "confused_classes.csv"),
        folds=[fold.name for fold in folds],
        title="made up",
    )


def cross_validate(folder: Path) -> None:
    import summarise_folds as script

    script.main(
        metrics=str(folder / "metrics.json"),
        summary=str(folder / "cross_validation.json"),
        table=str(folder / "cross_validation.csv"),
        dataset="scale",
        protocol="grouped_k_fold",
        adapter="table",
    )


def near_duplicates(folder: Path) -> None:
    import near_duplicates as script

    names, options = ("one", "two"), default_config()["near_duplicates"]
    script.main(
        manifests={name: str(folder / f"{name}.parquet") for name in names},
        hashes={name: [str(folder / f"hashes-{name}.tsv")] for name in names},
        table=str(folder / "near_duplicates.tsv"),
        min_frames=options["min_frames"],
        max_distance=options["max_distance"],
    )


def write_report(folder: Path) -> None:
    from facewave.report.page import ReportFiles, ReportSettings
    from facewave.report.page import write_report as write

    config = default_config() | {"datasets": {"one": {"adapter": "table"}}}
    folds = sorted(folder.glob("fold-*"))
    write(
        ReportFiles(
            manifest=folder / "manifest.parquet",
            track_indexes=sorted((folder / "tracks").glob("*.tsv")),
            feature_indexes=sorted((folder / "features").glob("*.tsv")),
            store=folder / "store",
            splits={
                fold.name: {part: fold / f"{part}.parquet" for part in PARTS} for fold in folds
            },
            training={fold.name: fold / "metrics.csv" for fold in folds},
            scores=folder / "metrics.json",
            confused_clips=folder / "confused_clips.csv",
            confused_classes=folder / "confused_classes.csv",
            models={},
            near_duplicates=folder / "near_duplicates.tsv",
        ),
        ReportSettings(dataset="one", config=config, commit=None, compared=["one", "two"]),
        html=folder / "report.html",
    )


def run_step(folder: Path, name: str, arguments: list[str]) -> None:
    steps: dict[str, Callable[[Path], None]] = {
        "evaluate": evaluate,
        "cross_validate": cross_validate,
        "near_duplicates": near_duplicates,
        "write_report": write_report,
    }
    started = time.perf_counter()
    if name == "inputs":
        make_inputs(folder, int(arguments[0]))
    else:
        steps[name](folder)
    print(json.dumps(figures(started)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="needs 2 kB per clip")
    parser.add_argument("--clips", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", action="store_true", help="keep inputs and results")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        run_step(args.folder, args.step[0], args.step[1:])
        return
    measured = []
    for clips in args.clips:
        folder = args.folder / f"stages-{clips}"
        folder.mkdir(parents=True)
        try:
            run_alone(__file__, folder, "inputs", str(clips))
            steps = {name: run_alone(__file__, folder, name) for name in STEPS}
            measured.append({"clips": clips, **steps})
        finally:
            if not args.keep:
                shutil.rmtree(folder)
    if args.json:
        from facewave.storage.atomic import write_json

        write_json(args.json, measured)
    heads = [f"{one['clips']:,} clips" for one in measured]
    print(f"| stage | {' | '.join(heads)} |")
    for name in STEPS:
        cells = [f"{one[name]['peak_mb']} MB, {one[name]['cpu_s']:.1f} s" for one in measured]
        print(f"| `{name}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
