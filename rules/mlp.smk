# The MLP: trained on every fold's training part.
from facewave.planning.project import seed_files
from facewave.versions import MLP_VERSION

# The predictions of each seed; the first one's model is kept.
SEED_FILES = seed_files(CONFIG["seeds"])


rule fit_mlp:
    input:
        train=DATASET / "splits/{split}/train.parquet",
        val=DATASET / "splits/{split}/val.parquet",
        test=DATASET / "splits/{split}/test.parquet",
    output:
        checkpoint=DATASET / "mlp/{split}/checkpoint.pt",
        metrics=DATASET / "mlp/{split}/metrics.csv",
        predictions=[DATASET / "mlp/{split}" / name for name in SEED_FILES],
        linear=DATASET / "mlp/{split}/linear.parquet",
    log:
        DATASET / "logs/fit_mlp/{split}.log",
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        options=CONFIG["mlp"],
        seeds=CONFIG["seeds"],
        version=MLP_VERSION,
    message:
        "train the MLP on {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/fit_mlp.py"


rule train_mlp:
    """Train the MLP on every fold and score it."""
    input:
        of_datasets("mlp/{split}/checkpoint.pt"),
        of_datasets("evaluation/mlp/{protocol}/metrics.json"),
