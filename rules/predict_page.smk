# Predictions -> overlays drawn on the videos, one job per bucket, and a page to look at them. The
# videos are the dataset `predict/{name}`.
from facewave.versions import OVERLAY_VERSION


rule draw_overlays:
    input:
        tracks=DATASET / "tracks/{bucket}.tsv",
        timeline=DATASET / "timeline.csv",
    output:
        index=DATASET / "overlays/{bucket}.tsv",
    log:
        DATASET / "logs/draw_overlays/{bucket}.log",
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
