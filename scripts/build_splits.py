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
    outputs: Mapping[str, str],
    store: str,
    feature_options: Mapping[str, Any],
    track_options: Mapping[str, Any],
    classes: Sequence[str],
    split: Mapping[str, Any],
    fold: str | None,
    seed: int,
    baseline: Mapping[str, Any] | None = None,
) -> None:
    """Write the training, validation and test parts of one fold."""
    clips = read_manifest(Path(manifest))
    index = read_feature_indexes(Path(path) for path in features)
    parts = assign_parts(
        split_clips(clips, map(Path, tracks)),
        fold=fold,
        options=SplitOptions(**split, seed=seed),
    )
    wavelet = WaveletOptions(**feature_options["wavelet"])
    face = FaceOptions(**feature_options["features"])
    channels = channels_of(index)
    write_splits(
        clips,
        index,
        parts,
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
        main(
            manifest=snakemake.input.manifest,
            tracks=snakemake.input.tracks,
            features=snakemake.input.features,
            outputs={part: snakemake.output[part] for part in PARTS},
            store=str(snakemake.params.store),
            feature_options=snakemake.params.features,
            track_options=snakemake.params.tracks,
            classes=snakemake.params.classes,
            split=snakemake.params.split,
            fold=snakemake.params.fold,
            seed=snakemake.params.seed,
            baseline=snakemake.params.baseline,
        )
