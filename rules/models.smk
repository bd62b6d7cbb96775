# Models to share: the folds of a dataset as one model, whose answers are averages. Each fold is
# checked on its test part, whose people it has never seen.
from facewave.planning.predict import model_folders
from facewave.versions import MODEL_VERSION

SHARED = RESULTS / "models/{dataset}"


rule export_weights:
    input:
        checkpoints=of_folds("mlp/{split}/checkpoint.pt"),
        train=of_folds("splits/{split}/train.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
    output:
        weights=SHARED / "weights.safetensors",
        options=SHARED / "options.yaml",
        description=SHARED / "model.json",
    log:
        DATASET / "logs/export_weights.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        name=lambda wildcards: wildcards.dataset,
        folds=lambda wildcards: PROJECT.fold_names(wildcards.dataset),
        protocol=PROTOCOL,
        version=MODEL_VERSION,
    message:
        "write the model of {wildcards.dataset} to share"
    script:
        "../scripts/export_weights.py"


rule write_model_card:
    input:
        description=SHARED / "model.json",
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        features=of_buckets("features"),
        test=of_folds("splits/{split}/test.parquet"),
        metrics=DATASET / "evaluation/mlp" / PROTOCOL / "metrics.json",
        clip_table=DATASET / "evaluation/mlp" / PROTOCOL / "predictions.csv",
    output:
        card=SHARED / "README.md",
    log:
        DATASET / "logs/write_model_card.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        dataset=lambda wildcards: wildcards.dataset,
        options=lambda wildcards: PROJECT.datasets[wildcards.dataset],
        card=CONFIG["export_model"],
        seed=CONFIG["seed"],
        version=MODEL_VERSION,
    message:
        "write the model card of {wildcards.dataset}"
    script:
        "../scripts/write_model_card.py"


rule export_model:
    """Write each dataset's model as a folder to share: weights, options, a model card."""
    input:
        refused("export_model"),
        told(lambda wildcards: model_folders(PROJECT)),
