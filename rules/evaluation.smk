# Predictions of all folds together -> scores. `evaluate` is the pattern for the other models' rules.
from facewave.evaluation.cross_validation import datasets_with_folds
from facewave.versions import EVALUATION_VERSION

# The confusion matrix of a model, as Snakemake's own report shows it.
confusion_image = lambda folder, model: report(
    folder / "confusion.png",
    caption="../docs/captions/confusion.rst",
    category="Evaluation",
    labels={"dataset": "{dataset}", "model": model, "protocol": "{protocol}"},
)


rule evaluate:
    input:
        predictions=of_seeds("mlp/{split}"),
        train=of_folds("splits/{split}/train.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
        linear=of_folds("mlp/{split}/linear.parquet"),
    output:
        metrics=DATASET / "evaluation/mlp/{protocol}/metrics.json",
        clips=DATASET / "evaluation/mlp/{protocol}/predictions.csv",
        table=DATASET / "evaluation/mlp/{protocol}/table.csv",
        latex=DATASET / "evaluation/mlp/{protocol}/table.tex",
        confused_clips=DATASET / "evaluation/mlp/{protocol}/confused_clips.csv",
        confused_classes=DATASET / "evaluation/mlp/{protocol}/confused_classes.csv",
        figure=confusion_image(DATASET / "evaluation/mlp/{protocol}", "MLP"),
    log:
        DATASET / "logs/evaluate/{protocol}.log",
    benchmark:
        DATASET / "benchmarks/evaluate/{protocol}.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        title=lambda wildcards: f"MLP on {wildcards.dataset}, {wildcards.protocol}",
        folds=lambda wildcards: PROJECT.fold_names(wildcards.dataset),
        seed=CONFIG["seed"],
        version=EVALUATION_VERSION,
    message:
        "evaluate the MLP on {wildcards.dataset}"
    script:
        "../scripts/evaluate.py"


rule summarise_folds:
    input:
        metrics=DATASET / "evaluation/mlp/{protocol}/metrics.json",
    output:
        summary=DATASET / "evaluation/mlp/{protocol}/cross_validation.json",
        table=DATASET / "evaluation/mlp/{protocol}/cross_validation.csv",
    log:
        DATASET / "logs/summarise_folds/{protocol}.log",
    benchmark:
        DATASET / "benchmarks/summarise_folds/{protocol}.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        dataset=lambda wildcards: wildcards.dataset,
        protocol=lambda wildcards: wildcards.protocol,
        adapter=of_dataset("adapter"),
        version=EVALUATION_VERSION,
    message:
        "summarise the folds of {wildcards.dataset}, {wildcards.protocol}"
    script:
        "../scripts/summarise_folds.py"


# Fails before anything is trained if the protocol has a single split.
rule cross_validate:
    """Train and test the MLP on every fold of the protocol, and compare the folds."""
    input:
        told(
            lambda wildcards: [
                PROJECT.file(
                    name,
                    f"evaluation/mlp{'_values' if VALUES else ''}/{PROTOCOL}/cross_validation.json",
                )
                for name in PROJECT.unplanned
                or datasets_with_folds(
                    {name: PROJECT.folds[name] for name in PROJECT.tested},
                    protocol=PROTOCOL,
                )
            ]
        ),
