"""Write the parts of a split whose training clips are of other datasets than its test clips."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from facewave import __version__
from facewave.datasets.joint import Member, joint_clip_id
from facewave.features.groups import FaceOptions, WaveletOptions, feature_shapes
from facewave.jobs.log import job_log
from facewave.manifest.clips import read_manifest
from facewave.splits.baseline import BaselineOptions
from facewave.splits.contents import read_digests, shared_contents
from facewave.splits.cross_dataset import cross_split, look_alikes
from facewave.splits.near_duplicates import PAIR_COLUMNS
from facewave.splits.partition import CROSS_DATASET, PARTS, SplitOptions
from facewave.splits.write import FeatureIndex, channels_of, read_feature_indexes, write_splits
from facewave.storage.tables import iter_rows


@dataclass(frozen=True)
class Dataset:
    """Files of a dataset.

    Attributes:
        classes: its class list.
        manifest: its manifest (Parquet).
        tracks, features: its indexes.
    """

    classes: Sequence[str]
    manifest: str
    tracks: Sequence[str]
    features: Sequence[str]


def main(
    *,
    datasets: Mapping[str, Dataset],
    tested: str,
    near_duplicates: str,
    outputs: Mapping[str, str],
    store: str,
    options: Mapping[str, Any],
    split: Mapping[str, Any],
) -> None:
    """Write the three parts; see facewave.splits.cross_dataset.

    Args:
        datasets: the tested one and those that are trained on, by name.
        tested: name of the tested one.
        near_duplicates: table of clips of different datasets that look alike.
        outputs: part to file.
        store: folder of the content-addressed store.
        options: `features` and `tracks`, the options of these stages, and `baseline`.
        split: `class_map`, `val_fraction`, `allow_leaks`, `seed`.
    """
    members = {
        name: Member(given.classes, read_manifest(Path(given.manifest)))
        for name, given in datasets.items()
    }
    trained = {name: member for name, member in members.items() if name != tested}
    digests, clips, rows = {}, [], []
    for name, given in datasets.items():
        # Ids of test clips stay as they are.
        ids = {
            clip.clip_id: clip.clip_id if name == tested else joint_clip_id(name, clip.clip_id)
            for clip in members[name].clips
        }
        found = read_digests(map(Path, given.tracks))
        digests |= {ids[clip_id]: digest for clip_id, digest in found.items() if clip_id in ids}
        clips += [replace(clip, clip_id=ids[clip.clip_id]) for clip in members[name].clips]
        index = read_feature_indexes(map(Path, given.features))
        rows += [{**index[clip_id], "clip_id": ids[clip_id]} for clip_id in index if clip_id in ids]
    parted = cross_split(
        trained,
        (tested, members[tested]),
        class_map=split["class_map"],
        alike=look_alikes(
            iter_rows(Path(near_duplicates), PAIR_COLUMNS), train=trained, test=tested
        ),
        contents=shared_contents(clips, digests),
        options=SplitOptions(
            protocol=CROSS_DATASET,
            val_fraction=split["val_fraction"],
            allow_leaks=split["allow_leaks"],
            seed=split["seed"],
        ),
    )
    for name, reasons in parted.left_out.items():
        for reason, count in reasons.items():
            logging.getLogger("facewave").info("%s: left out: %d clips: %s", name, count, reason)
    features, baseline = options["features"], options["baseline"]
    index = FeatureIndex(rows)
    channels = channels_of(index)
    write_splits(
        parted.clips,
        index,
        parted.parts,
        outputs={part: Path(path) for part, path in outputs.items()},
        store=Path(store),
        shapes=feature_shapes(
            WaveletOptions(**features["wavelet"]), FaceOptions(**features["features"]), channels
        ),
        metadata={
            "classes": parted.classes,
            "facewave_version": __version__,
            "features": {**features, "channels": str(channels)},
            "tracks": dict(options["tracks"]),
            "split": {**split, "protocol": CROSS_DATASET, "fold": list(trained)},
            "cross_dataset": {"train": list(trained), "left_out": parted.left_out},
        },
        baseline=BaselineOptions(**baseline) if baseline else None,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        given, params = snakemake.input, snakemake.params
        json_ready = json.loads(json.dumps(params.split))
        tracks, features = iter(given.tracks), iter(given.features)
        main(
            datasets={
                name: Dataset(
                    params.classes[name],
                    manifest,
                    [next(tracks) for _ in range(params.buckets[name])],
                    [next(features) for _ in range(params.buckets[name])],
                )
                for name, manifest in zip(params.datasets, given.manifests, strict=True)
            },
            tested=params.datasets[0],
            near_duplicates=given.near_duplicates,
            outputs={part: snakemake.output[part] for part in PARTS},
            store=str(params.store),
            options=params.options,
            split=json_ready,
        )
