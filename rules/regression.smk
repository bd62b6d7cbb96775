# `mlp.head: regression`: the MLP predicts values (a dataset's `targets`), with rules of its own, so that
# what was made of classes stays. The targets train_mlp, cross_validate and report ask for these files.
from facewave.planning.vlm import value_models_in_report

VALUE_SCORES = DATASET / "evaluation/mlp_values/{protocol}"


rule fit_values:
    input:
        train=DATASET / "splits/{split}/train.parquet",
        val=DATASET / "splits/{split}/val.parquet",
        test=DATASET / "splits/{split}/test.parquet",
        targets=told(lambda wildcards: mlp_targets(CONFIG, PROJECT, wildcards.dataset)),
    output:
        checkpoint=DATASET / "mlp_values/{split}/checkpoint.pt",
        metrics=DATASET / "mlp_values/{split}/metrics.csv",
        predictions=[DATASET / "mlp_values/{split}" / name for name in SEED_FILES],
    log:
        DATASET / "logs/fit_values/{split}.log",
    benchmark:
        DATASET / "benchmarks/fit_values/{split}.tsv"
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        options=told(lambda wildcards: mlp_options(CONFIG, PROJECT, wildcards.dataset)),
        seeds=CONFIG["seeds"],
        version=MLP_VERSION,
    message:
        "train the MLP on the values of {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/fit_values.py"


use rule evaluate as evaluate_values with:
    input:
        predictions=of_seeds("mlp_values/{split}"),
        train=of_folds("splits/{split}/train.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
    output:
        metrics=VALUE_SCORES / "regression.json",
        figure=report(
            VALUE_SCORES / "regression.png",
            caption="../docs/captions/regression.rst",
            category="Evaluation",
            labels={
                "dataset": "{dataset}",
                "model": "MLP",
                "protocol": "{protocol}",
            },
        ),
    log:
        DATASET / "logs/evaluate_values/{protocol}.log",
    benchmark:
        DATASET / "benchmarks/evaluate_values/{protocol}.tsv"
    message:
        "evaluate the values that the MLP predicts on {wildcards.dataset}"


rule summarise_values:
    input:
        scores=VALUE_SCORES / "regression.json",
    output:
        summary=VALUE_SCORES / "cross_validation.json",
        table=VALUE_SCORES / "cross_validation.csv",
    log:
        DATASET / "logs/summarise_values/{protocol}.log",
    benchmark:
        DATASET / "benchmarks/summarise_values/{protocol}.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        dataset=lambda wildcards: wildcards.dataset,
        protocol=lambda wildcards: wildcards.protocol,
        version=EVALUATION_VERSION,
    message:
        "summarise the folds of {wildcards.dataset}, {wildcards.protocol}"
    script:
        "../scripts/summarise_values.py"


rule write_value_report:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        features=of_buckets("features"),
        quality=DATASET / "quality.csv",
        train=of_folds("splits/{split}/train.parquet"),
        val=of_folds("splits/{split}/val.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
        training=of_folds("mlp_values/{split}/metrics.csv"),
        answers=of_folds("mlp_values/{split}/predictions.parquet"),
        scores=DATASET / "evaluation/mlp_values" / PROTOCOL / "regression.json",
        near_duplicates=COMPARED,
        models=lambda wildcards: list(
            value_models_in_report(CONFIG, PROJECT, wildcards.dataset).values()
        ),
    output:
        html=report(
            DATASET / "report_values.html",
            caption="../docs/captions/report.rst",
            category="Report",
            labels={"dataset": "{dataset}"},
        ),
    log:
        DATASET / "logs/write_value_report.log",
    benchmark:
        DATASET / "benchmarks/write_value_report.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        dataset=lambda wildcards: wildcards.dataset,
        folds=lambda wildcards: PROJECT.fold_names(wildcards.dataset),
        store=STORE,
        models=lambda wildcards: list(
            value_models_in_report(CONFIG, PROJECT, wildcards.dataset)
        ),
        config=CONFIG,
        commit=lambda wildcards: code_commit(Path(ROOT)),
        version=REPORT_VERSION,
        compared=list(HASHES) if COMPARED else [],
    message:
        "write the report of the values of {wildcards.dataset}"
    script:
        "../scripts/write_value_report.py"
