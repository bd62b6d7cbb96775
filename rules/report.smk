# Everything that was made -> one self-contained page a dataset.
import subprocess


def code_commit():
    """Return the commit of the workflow's code, `+` behind it if files differ; None without git."""
    command = ["git", "-C", str(workflow.basedir), "describe", "--always", "--dirty=+"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


rule write_report:
    input:
        manifest=RESULTS / "{dataset}" / "manifest.parquet",
        tracks=bucket_files("tracks"),
        features=bucket_files("features"),
        train=of_folds("splits/{split}/train.parquet"),
        val=of_folds("splits/{split}/val.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
        training=of_folds("mlp/{split}/metrics.csv"),
        metrics=lambda wildcards: f"{RESULTS}/{wildcards.dataset}/evaluation/mlp/{PROTOCOL}/metrics.json",
    output:
        html=report(
            RESULTS / "{dataset}" / "report.html",
            caption="../docs/captions/report.rst",
            category="Report",
            labels={"dataset": "{dataset}"},
        ),
        quality=RESULTS / "{dataset}" / "quality.csv",
    log:
        RESULTS / "{dataset}" / "logs" / "write_report.log",
    params:
        dataset=lambda wildcards: wildcards.dataset,
        folds=lambda wildcards: FOLDS[wildcards.dataset] or [PROTOCOL],
        store=STORE,
        config=CONFIG,
        adapter=lambda wildcards: DATASETS[wildcards.dataset]["adapter"],
        commit=code_commit(),
        review_thumbnails=CONFIG["report"]["review_thumbnails"],
    message:
        "write the report of {wildcards.dataset}"
    conda:
        "../envs/training.yaml"
    script:
        "../scripts/write_report.py"


rule report:
    input:
        [f"{RESULTS}/{dataset}/report.html" for dataset in DATASETS],
