# Models to share, and their answers for one's own videos. A model is that of all folds of a dataset,
# whose answers are averaged; each is checked on its test part, whose people it has never seen. The
# videos are the dataset `predict/{name}`: the rules of the other stages track and encode them.
from facewave.planning.predict import (
    asked_vlm,
    asked_weights,
    described,
    model_files,
    model_folders,
    model_path,
    model_state,
    prediction_options,
    run_files,
)
from facewave.storage.key_index import key_index
from facewave.versions import MODEL_VERSION, PREDICT_VERSION

SHARED = RESULTS / "models/{dataset}"
MODEL_FILES = told(lambda wildcards: model_files(CONFIG, PROJECT))
# What a vision-language model needs; None for the other kinds, which need no transformers.
ASKED = told(asked_vlm)(CONFIG, PROJECT, VLM_SECTIONS)
WEIGHTS |= asked_weights(ASKED)
of_model = lambda function: told(lambda wildcards: function(CONFIG, PROJECT))


rule export_weights:
    input:
        checkpoints=of_folds("mlp/{split}/checkpoint.pt"),
        train=of_folds("splits/{split}/train.parquet"),
        val=of_folds("splits/{split}/val.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
    output:
        weights=SHARED / "weights.safetensors",
        options=SHARED / "options.yaml",
        description=SHARED / "model.json",
    log:
        DATASET / "logs/export_weights.log",
    benchmark:
        DATASET / "benchmarks/export_weights.tsv"
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
    benchmark:
        DATASET / "benchmarks/write_model_card.tsv"
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


rule predict_videos:
    input:
        tracks=DATASET / "tracks/{bucket}.tsv",
        features=DATASET / "features/{bucket}.tsv",
        # Those of all buckets if the person's baseline is made of named clips.
        all_tracks=lambda wildcards: (
            PROJECT.of_buckets(wildcards.dataset, "tracks")
            if prediction_options(CONFIG)["enrolled"]
            else []
        ),
        all_features=lambda wildcards: (
            PROJECT.of_buckets(wildcards.dataset, "features")
            if prediction_options(CONFIG)["enrolled"]
            else []
        ),
        model=MODEL_FILES,
        manifest=DATASET / "manifest.parquet" if ASKED else [],
        weights=weights_file(RESULTS, ASKED) if ASKED else [],
    output:
        videos=DATASET / "parts/{bucket}.videos.parquet",
        windows=DATASET / "parts/{bucket}.windows.parquet",
    log:
        DATASET / "logs/predict_videos/{bucket}.log",
    benchmark:
        DATASET / "benchmarks/predict_videos/{bucket}.tsv"
    wildcard_constraints:
        dataset="predict/[^/]+",
    conda:
        "../envs/vlm.yaml" if ASKED else "../envs/training.yaml"
    threads: ASKED["threads"] if ASKED else 1
    resources:
        mem_mb=growing(24000 if ASKED else 2000),
        runtime=growing(240 if ASKED else 20),
        gpu=ASKED["gpus"] if ASKED else 0,
    params:
        model=of_model(model_path),
        model_state=of_model(model_state),
        options=prediction_options(CONFIG),
        people=CONFIG["predict"]["people"],
        features=STAGE_OPTIONS["features"],
        tracks=STAGE_OPTIONS["tracks"],
        store=STORE,
        # As functions of `output` these are no reason to run again.
        people_index=lambda wildcards, output: key_index(
            RESULTS / wildcards.dataset, "features", f"people/{wildcards.bucket}"
        ),
        gpus=lambda wildcards, output: ASKED["gpus"] if ASKED else 0,
        default_fps=lambda wildcards, output: CONFIG["landmarker"]["default_fps"],
        video=lambda wildcards, output: CONFIG["video"],
        version=PREDICT_VERSION,
    message:
        "predict {wildcards.dataset}, bucket {wildcards.bucket}"
    script:
        "../scripts/predict_videos.py"


# Local, since it takes seconds and prints at the end what was found.
rule join_predictions:
    input:
        videos=lambda wildcards: [
            f"{RESULTS}/{wildcards.dataset}/parts/{bucket}.videos.parquet"
            for bucket in PROJECT.plans[wildcards.dataset].buckets
        ],
        windows=lambda wildcards: [
            f"{RESULTS}/{wildcards.dataset}/parts/{bucket}.windows.parquet"
            for bucket in PROJECT.plans[wildcards.dataset].buckets
        ],
        model=MODEL_FILES,
    output:
        predictions=DATASET / "predictions.csv",
        timeline=DATASET / "timeline.csv",
        summary=DATASET / "predict.json",
    log:
        DATASET / "logs/join_predictions.log",
    wildcard_constraints:
        dataset="predict/[^/]+",
    localrule: True
    conda:
        "../envs/vlm.yaml" if ASKED else "../envs/training.yaml"
    params:
        model=of_model(model_path),
        model_state=of_model(model_state),
        options=described(CONFIG),
        features=STAGE_OPTIONS["features"],
        tracks=STAGE_OPTIONS["tracks"],
        version=PREDICT_VERSION,
    message:
        "join the answers for {wildcards.dataset}"
    script:
        "../scripts/join_predictions.py"


rule predict:
    """Answer for your own videos: `--config 'predict={videos: FOLDER, model: FOLDER}'`."""
    input:
        told(lambda wildcards: run_files(CONFIG)),
