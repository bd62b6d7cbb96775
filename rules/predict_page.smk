# Predictions -> overlays drawn on the videos, one job per bucket, and a page to look at them. The
# videos are the dataset `predict/{name}`.
from facewave.versions import OVERLAY_VERSION, PREDICT_PAGE_VERSION


rule draw_overlays:
    input:
        tracks=DATASET / "tracks/{bucket}.tsv",
        timeline=DATASET / "timeline.csv",
    output:
        index=DATASET / "overlays/{bucket}.tsv",
    log:
        DATASET / "logs/draw_overlays/{bucket}.log",
    benchmark:
        DATASET / "benchmarks/draw_overlays/{bucket}.tsv"
    wildcard_constraints:
        dataset="predict/[^/]+",
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(60),
    params:
        folder=lambda wildcards: RESULTS / wildcards.dataset / "overlays",
        store=STORE,
        options=CONFIG["overlay"],
        default_fps=CONFIG["landmarker"]["default_fps"],
        video=CONFIG["video"],
        version=OVERLAY_VERSION,
    message:
        "draw the overlays of {wildcards.dataset}, bucket {wildcards.bucket}"
    script:
        "../scripts/draw_overlays.py"


rule write_predict_page:
    input:
        predictions=DATASET / "predictions.csv",
        timeline=DATASET / "timeline.csv",
        summary=DATASET / "predict.json",
        tracks=of_buckets("tracks"),
        overlays=lambda wildcards: (
            PROJECT.of_buckets(wildcards.dataset, "overlays")
            if CONFIG["predict"]["overlay"]
            else []
        ),
    output:
        html=DATASET / "index.html",
    log:
        DATASET / "logs/write_predict_page.log",
    benchmark:
        DATASET / "benchmarks/write_predict_page.tsv"
    wildcard_constraints:
        dataset="predict/[^/]+",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=growing(30),
    params:
        name=lambda wildcards: wildcards.dataset.partition("/")[2],
        store=STORE,
        version=PREDICT_PAGE_VERSION,
    message:
        "write the page of {wildcards.dataset}"
    script:
        "../scripts/write_predict_page.py"
