# Models to share: the folds of a dataset as one model, whose answers are averages. Each fold is
# checked on its test part, whose people it has never seen.
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
