# The MLP: fitted on every fold's training part, scored on the test parts of all folds together.


rule fit_mlp:
    input:
        train=DATASET / "splits/{split}/train.parquet",
        val=DATASET / "splits/{split}/val.parquet",
        test=DATASET / "splits/{split}/test.parquet",
    output:
        checkpoint=DATASET / "mlp/{split}/checkpoint.pt",
        metrics=DATASET / "mlp/{split}/metrics.csv",
        predictions=DATASET / "mlp/{split}/predictions.parquet",
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
        seed=CONFIG["seed"],
        version=MLP_VERSION,
    message:
        "train the MLP on {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/fit_mlp.py"


rule evaluate:
    input:
        predictions=of_folds("mlp/{split}/predictions.parquet"),
        train=of_folds("splits/{split}/train.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
    output:
        metrics=DATASET / "evaluation/mlp/{protocol}/metrics.json",
        confused_clips=DATASET / "evaluation/mlp/{protocol}/confused_clips.csv",
        confused_classes=DATASET / "evaluation/mlp/{protocol}/confused_classes.csv",
        figure=report(
            DATASET / "evaluation/mlp/{protocol}/confusion.png",
            caption="../docs/captions/confusion.rst",
            category="Evaluation",
            labels={"dataset": "{dataset}", "model": "MLP", "protocol": "{protocol}"},
        ),
    log:
        DATASET / "logs/evaluate/{protocol}.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        title=lambda wildcards: f"MLP on {wildcards.dataset}, {wildcards.protocol}",
        folds=lambda wildcards: FOLDS[wildcards.dataset] or [PROTOCOL],
        seed=CONFIG["seed"],
        version=EVALUATION_VERSION,
    message:
        "evaluate the MLP on {wildcards.dataset}"
    script:
        "../scripts/evaluate.py"


rule train_mlp:
    input:
        of_datasets("mlp/{split}/checkpoint.pt"),
        of_datasets("evaluation/mlp/{protocol}/metrics.json"),
