# What the MLP looks at, and what the codes keep of the trajectories.
from facewave.versions import EXPLANATION_VERSION


rule explain_model:
    input:
        checkpoints=of_folds("mlp/{split}/checkpoint.pt"),
        tests=of_folds("splits/{split}/test.parquet"),
    output:
        table=DATASET / "explanation/{protocol}/importance.csv",
        summary=DATASET / "explanation/{protocol}/importance.json",
        picture=report(
            DATASET / "explanation/{protocol}/importance.png",
            caption="../docs/captions/importance.rst",
            category="Explanation",
            labels={"dataset": "{dataset}", "picture": "importance"},
        ),
    log:
        DATASET / "logs/explain_model/{protocol}.log",
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        title=lambda wildcards: f"MLP on {wildcards.dataset}, {wildcards.protocol}",
        repeats=CONFIG["explanation"]["repeats"],
        seed=CONFIG["seed"],
        version=EXPLANATION_VERSION,
    message:
        "explain the MLP on {wildcards.dataset}"
    script:
        "../scripts/explain_model.py"


rule measure_reconstruction:
    input:
        clips=DATASET / "keys/tracks/{bucket}.tsv",
        tracks=DATASET / "tracks/{bucket}.tsv",
        model=LANDMARKER_MODEL,
    output:
        table=DATASET / "reconstruction/{bucket}.tsv",
    log:
        DATASET / "logs/measure_reconstruction/{bucket}.log",
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        store=STORE,
        layouts=CONFIG["explanation"]["layouts"],
        coefficients=CONFIG["explanation"]["coefficients"],
        features=CONFIG["features"],
        quality=CONFIG["quality"],
        track_options=STAGE_OPTIONS["tracks"],
        version=EXPLANATION_VERSION,
    message:
        "rebuild the clips of {wildcards.dataset}, bucket {wildcards.bucket}"
    script:
        "../scripts/measure_reconstruction.py"


rule compare_layouts:
    input:
        buckets=of_buckets("reconstruction"),
    output:
        table=DATASET / "reconstruction/reconstruction.csv",
        picture=report(
            DATASET / "reconstruction/reconstruction.png",
            caption="../docs/captions/reconstruction.rst",
            category="Explanation",
            labels={"dataset": "{dataset}", "picture": "reconstruction"},
        ),
    log:
        DATASET / "logs/compare_layouts.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        seed=CONFIG["seed"],
        version=EXPLANATION_VERSION,
    message:
        "compare the layouts on {wildcards.dataset}"
    script:
        "../scripts/compare_layouts.py"


rule explain:
    """Measure which parts of the face, scales and blendshapes the MLP looks at."""
    input:
        of_datasets("explanation/{protocol}/importance.json"),
        of_datasets("reconstruction/reconstruction.csv"),
        of_datasets("evaluation/mlp/{protocol}/confused_clips.csv"),
