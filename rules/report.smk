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
        near_duplicates=lambda wildcards: compared_pairs(),
        confused_clips=DATASET / "evaluation/mlp" / PROTOCOL / "confused_clips.csv",
        confused_classes=DATASET / "evaluation/mlp" / PROTOCOL / "confused_classes.csv",
        explanation=existing_explanation,
        models=lambda wildcards: list(models_in_report(wildcards.dataset).values()),
        ablation=lambda wildcards: vlm_ablation_in_report(wildcards.dataset),
        text_fusion=existing_text_fusion,
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
        models=lambda wildcards: list(models_in_report(wildcards.dataset)),
        config=CONFIG,
        adapter=lambda wildcards: DATASETS[wildcards.dataset]["adapter"],
        commit=code_commit(),
        version=REPORT_VERSION,
        review_thumbnails=CONFIG["report"]["review_thumbnails"],
        compared=lambda wildcards: list(HASHES) if compared_pairs() else [],
        joined=lambda wildcards: DATASETS[wildcards.dataset].get("datasets", []),
        confused_clips=CONFIG["explanation"]["confused_clips"],
    message:
        "write the report of {wildcards.dataset}"
    script:
        "../scripts/write_report.py"


rule report:
    input:
        of_datasets("report.html"),
