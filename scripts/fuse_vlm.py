from pathlib import Path

from facewave.evaluation.late_fusion import fuse
from facewave.evaluation.predictions import read_class_predictions, write_predictions
from facewave.jobs.log import job_log


def main(*, first: str, second: str, predictions: str) -> None:
    """Write the predictions of the weighted mean of two models' probabilities."""
    fused = fuse(read_class_predictions(first), read_class_predictions(second))
    write_predictions(Path(predictions), fused)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            first=snakemake.input.mlp,
            second=snakemake.input.vlm,
            predictions=snakemake.output.predictions,
        )
