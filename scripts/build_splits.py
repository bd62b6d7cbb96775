from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave import __version__
from facewave.features.groups import FaceOptions, WaveletOptions, feature_shapes
from facewave.jobs.log import job_log
from facewave.manifest.clips import read_manifest
from facewave.splits.baseline import BaselineOptions
from facewave.splits.contents import split_clips
from facewave.splits.partition import PARTS, SplitOptions, assign_parts
from facewave.splits.write import channels_of, read_feature_indexes, write_splits


def main(
    *,
    manifest: str,
    tracks: Sequence[str],
    features: Sequence[str],
    folds: Mapping[str | None, Mapping[str, str | Path]],
    store: str,
    feature_options: Mapping[str, Any],
    track_options: Mapping[str, Any],
    classes: Sequence[str],
    split: Mapping[str, Any],
    seed: int,
    baseline: Mapping[str, Any] | None = None,
) -> None:
    """Write the training, validation and test parts of each of `folds`: its name and its files."""
    clips = read_manifest(Path(manifest))
    index = read_feature_indexes(Path(path) for path in features)
    divided, options = split_clips(clips, map(Path, tracks)), SplitOptions(**split, seed=seed)
    wavelet = WaveletOptions(**feature_options["wavelet"])
    face = FaceOptions(**feature_options["features"])
    channels = channels_of(index)
    for fold, outputs in folds.items():
        write_splits(
            clips,
            index,
            assign_parts(divided, fold=fold, options=options),
            outputs={part: Path(path) for part, path in outputs.items()},
            store=Path(store),
            shapes=feature_shapes(wavelet, face, channels),
            metadata={
                "classes": list(classes),
                "facewave_version": __version__,
                "features": {**feature_options, "channels": str(channels)},
                "tracks": dict(track_options),
                "split": {**split, "fold": fold, "seed": seed},
            },
            baseline=BaselineOptions(**baseline) if baseline else None,
        )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        folder, params = snakemake.output.get("folder"), snakemake.params
        main(
            manifest=snakemake.input.manifest,
            tracks=snakemake.input.tracks,
            features=snakemake.input.features,
            folds={
                fold: {part: Path(folder) / place / f"{part}.parquet" for part in PARTS}
                for place, fold in params.folds.items()
            }
            if folder
            else {params.fold: {part: snakemake.output[part] for part in PARTS}},
            store=str(params.store),
            feature_options=params.features,
            track_options=params.tracks,
            classes=params.classes,
            split=params.split,
            seed=params.seed,
            baseline=params.baseline,
        )
