"""How many single flipped bits of each kind of file are told by the file's name.

python benchmarks/scale/flipped_bits.py --results results [--flips N] [--seed N] [--json PATH]

Takes one file of each kind from finished results, copies it, flips one bit at a time at drawn
places and reads it as the workflow does. A flip is *told* if reading fails with the file's name,
*nameless* if it fails without, *harmless* if the content read is the same and *silent* if it is
another.
"""

import argparse
import hashlib
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from facewave.evaluation.predictions import read_predictions  # noqa: E402
from facewave.manifest.clips import read_manifest  # noqa: E402
from facewave.mlp.model import load_checkpoint  # noqa: E402
from facewave.splits.read import read_split  # noqa: E402
from facewave.storage.store import read_shard  # noqa: E402
from facewave.storage.tables import iter_rows  # noqa: E402
from facewave.vlm.training.weights import load_state, save_state  # noqa: E402

_GROUPS = ("landmarks", "blendshapes")


def _split(path: Path) -> Any:
    table = read_split(path, groups=_GROUPS)
    groups = {name: table.groups[name].tobytes() for name in _GROUPS}
    return table.clip_ids, table.labels.tobytes(), table.valid.tobytes(), groups, table.metadata


def _checkpoint(path: Path) -> Any:
    model = load_checkpoint(path)
    weights = {name: value.numpy().tobytes() for name, value in model.network.state_dict().items()}
    return weights, model.scaler.mean.numpy().tobytes(), model.options, model.classes, model.seed


def _shard(path: Path) -> Any:
    arrays, metadata = read_shard(path)
    return {name: array.tobytes() for name, array in arrays.items()}, metadata


def _state(path: Path) -> Any:
    state, metadata = load_state(path)
    return {name: value.numpy().tobytes() for name, value in state.items()}, metadata


def _predictions(path: Path) -> Any:
    found = vars(read_predictions(path))
    return {name: getattr(value, "tolist", lambda v=value: v)() for name, value in found.items()}


# Kind to (pattern below the results, reader).
KINDS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "trajectory shard": ("store/tracks/*/*.npz", _shard),
    "feature shard": ("store/features/*/*.npz", _shard),
    "index": ("*/tracks/*.tsv", lambda path: list(iter_rows(path, ()))),
    "manifest": ("*/manifest.parquet", read_manifest),
    "split": ("*/splits/**/train.parquet", _split),
    "checkpoint": ("*/mlp/**/checkpoint.pt", _checkpoint),
    "predictions": ("*/mlp/**/predictions.parquet", _predictions),
}


def _digest(content: Any) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()


def flips(path: Path, read: Callable[[Path], Any], *, count: int, seed: int) -> Counter[str]:
    """Return how many flipped bits of a file were told, nameless, harmless and silent."""
    content, wanted = path.read_bytes(), _digest(read(path))
    drawn, found = random.Random(seed), Counter[str]()
    for _ in range(count):
        changed = bytearray(content)
        changed[drawn.randrange(len(content))] ^= 1 << drawn.randrange(8)
        path.write_bytes(changed)
        try:
            same = _digest(read(path)) == wanted
        except Exception as error:
            found["told" if path.name in str(error) else "nameless"] += 1
        else:
            found["harmless" if same else "silent"] += 1
    path.write_bytes(content)
    return found


def main() -> None:
    """Print a Markdown table with one row per kind of file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--flips", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    table = {}
    print("| kind | bytes | told | nameless | harmless | silent |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind, (pattern, read) in KINDS.items():
            files = sorted(args.results.glob(pattern))
            if files:
                path = Path(folder) / files[0].name
                shutil.copyfile(files[0], path)
                table[kind] = _row(kind, path, read, args)
        path = Path(folder) / "weights.safetensors"
        _write_weights(path)
        table["weights"] = _row("weights", path, _state, args)
    if args.json:
        args.json.write_text(json.dumps(table, indent=1) + "\n")


def _row(
    kind: str, path: Path, read: Callable[[Path], Any], args: argparse.Namespace
) -> dict[str, int]:
    found = flips(path, read, count=args.flips, seed=args.seed)
    cells = [found[name] for name in ("told", "nameless", "harmless", "silent")]
    print(f"| {kind} | {path.stat().st_size:,} | {' | '.join(map(str, cells))} |", flush=True)
    return dict(found)


def _write_weights(path: Path) -> None:
    import torch

    weights = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    save_state(path, {"a": weights, "b": weights[0].to(torch.float16)}, {"options": {"rank": 8}})


if __name__ == "__main__":
    main()
