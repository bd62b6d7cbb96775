"""The default MLP against scikit-learn's MLPClassifier: how long the same networks take to train.

python benchmarks/speed/bench_mlp.py [--rows 12000] [--threads 2] [--epochs N]

Rows and features are made up (see `benchmarks/training/train_mlp.py`), of the real width. All
seconds are processor time, of both with the same number of threads.

- facewave: `train_mlp` from tables in memory to the model, all five networks of the default
  ensemble, with everything that belongs to it: checks, standardisation, the choice of the number
  of directions, mixing, mirrored faces, temperature and the refit, which trains all once more.
- scikit-learn: `MLPClassifier` on the same standardised features, with the same hidden layer, batch
  size and number of epochs, one network after the other. Its epochs all cost the same, so that two
  epochs of one network are timed and counted as many times as there are epochs and networks.

`mlp_vs_sklearn` is the second time divided by the first. `mlp_vs_sklearn_directions` is the same
where scikit-learn is handed as many columns as facewave finds at least: 1,152 instead of 22,380.
"""

import argparse
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.training.train_mlp import table  # noqa: E402
from facewave.config.check import check_config  # noqa: E402
from facewave.mlp.options import MlpOptions  # noqa: E402
from facewave.mlp.train import TrainingJob, train_mlp  # noqa: E402

_TIMED_EPOCHS = 2


def measure(rows: int = 12_000, *, threads: int = 2, epochs: int | None = None) -> dict[str, float]:
    """Return the two ratios, and the seconds that they are made of.

    Args:
        rows: training and validation clips; a tenth is for validation.
        threads: of both.
        epochs: fewer than `mlp.max_epochs`, for a quick look: directions then count for more.
    """
    config = check_config({})
    options = MlpOptions.from_config(config["mlp"])
    options = replace(options, max_epochs=epochs or options.max_epochs)
    train, val = (table(n, config, seed=n) for n in (rows - rows // 10, rows // 10))
    started = time.process_time()
    train_mlp(train, val, TrainingJob(options=options, seed=0, threads=threads))
    own = time.process_time() - started
    features = np.concatenate([train.groups[name] for name in options.inputs], axis=1)
    features -= features.mean(axis=0)
    features /= features.std(axis=0)
    seconds = {"features": _sklearn_seconds(features, train.labels, options, threads)}
    width = options.fusion.width * len(options.inputs) if options.fusion else 0
    if width:
        narrow = np.ascontiguousarray(features[:, :width])
        seconds["directions"] = _sklearn_seconds(narrow, train.labels, options, threads)
    return {
        "mlp_vs_sklearn": seconds["features"] / own,
        **{f"mlp_vs_sklearn_{k}": s / own for k, s in seconds.items() if k != "features"},
        "mlp_seconds": own,
        "sklearn_seconds": seconds["features"],
    }


def _sklearn_seconds(features: Any, labels: Any, options: MlpOptions, threads: int) -> float:
    """Return how long all networks of an ensemble take one after the other, from two epochs."""
    model = MLPClassifier(
        options.hidden,
        alpha=options.weight_decay,
        batch_size=options.batch_size,
        learning_rate_init=options.learning_rate,
        max_iter=_TIMED_EPOCHS,
        n_iter_no_change=_TIMED_EPOCHS,
        random_state=0,
    )
    with threadpool_limits(threads), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        started = time.process_time()
        model.fit(features, labels)
        seconds = time.process_time() - started
    networks = options.fusion.ensemble if options.fusion else 1
    return seconds * networks * options.max_epochs / _TIMED_EPOCHS


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=12_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int)
    args = parser.parse_args()
    for name, value in measure(args.rows, threads=args.threads, epochs=args.epochs).items():
        print(f"{name}: {value:.2f}")


if __name__ == "__main__":
    main()
