# What the MLP looks at.
from facewave.versions import EXPLANATION_VERSION


rule explain_model:
    input:
        checkpoints=of_folds("mlp/{split}/checkpoint.pt"),
        tests=of_folds("splits/{split}/test.parquet"),
    output:
        table=DATASET / "explanation/{protocol}/importance.csv",
        summary=DATASET / "explanation/{protocol}/importance.json",
        figure=report(
            DATASET / "explanation/{protocol}/importance.png",
            caption="../docs/captions/importance.rst",
            category="Explanation",
            labels={"dataset": "{dataset}", "figure": "importance"},
        ),
    log:
        DATASET / "logs/explain_model/{protocol}.log",
    benchmark:
        DATASET / "benchmarks/explain_model/{protocol}.tsv"
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


rule explain:
    """Measure which parts of the face, scales and blendshapes the MLP looks at."""
    input:
        refused("explain"),
        of_datasets("explanation/{protocol}/importance.json"),
        of_datasets("evaluation/mlp/{protocol}/confused_clips.csv"),
