# Every fold of the protocol trained and tested, and the folds side by side.
from facewave.evaluation.cross_validation import datasets_with_folds


rule cross_validation:
    input:
        metrics=DATASET / "evaluation/mlp/{protocol}/metrics.json",
    output:
        summary=DATASET / "evaluation/mlp/{protocol}/cross_validation.json",
        table=DATASET / "evaluation/mlp/{protocol}/cross_validation.csv",
    log:
        DATASET / "logs/cross_validation/{protocol}.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        dataset=lambda wildcards: wildcards.dataset,
        protocol=lambda wildcards: wildcards.protocol,
        adapter=lambda wildcards: DATASETS[wildcards.dataset]["adapter"],
        version=EVALUATION_VERSION,
    message:
        "summarise the folds of {wildcards.dataset}, {wildcards.protocol}"
    script:
        "../scripts/cross_validate.py"


# Fails before anything is trained where the protocol has a single split.
rule cross_validate:
    input:
        lambda wildcards: [
            planned(name, f"evaluation/mlp/{PROTOCOL}/cross_validation.json")
            for name in AWAITING or datasets_with_folds(FOLDS, protocol=PROTOCOL)
        ],
