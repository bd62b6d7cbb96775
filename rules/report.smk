# Everything that was made -> one self-contained page a dataset.


rule write_report:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        features=of_buckets("features"),
        train=of_folds("splits/{split}/train.parquet"),
        val=of_folds("splits/{split}/val.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
        training=of_folds("mlp/{split}/metrics.csv"),
        metrics=DATASET / "evaluation/mlp" / PROTOCOL / "metrics.json",
    output:
        html=report(
            DATASET / "report.html",
            caption="../docs/captions/report.rst",
            category="Report",
            labels={"dataset": "{dataset}"},
        ),
        quality=DATASET / "quality.csv",
    log:
        DATASET / "logs/write_report.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        dataset=lambda wildcards: wildcards.dataset,
        folds=lambda wildcards: FOLDS[wildcards.dataset] or [PROTOCOL],
        store=STORE,
        config=CONFIG,
        adapter=lambda wildcards: DATASETS[wildcards.dataset]["adapter"],
        commit=code_commit(),
        version=REPORT_VERSION,
        review_thumbnails=CONFIG["report"]["review_thumbnails"],
    message:
        "write the report of {wildcards.dataset}"
    script:
        "../scripts/write_report.py"


rule report:
    input:
        of_datasets("report.html"),
