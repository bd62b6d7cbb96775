# Pretrained models asked about the test part as they are. Answers lie in the store: a killed job
# goes on at the clip, and nobody is asked twice.


rule ask_zero_shot:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        rendered=lambda wildcards: demo_files(wildcards.dataset),
        test=DATASET / "splits/{split}/test.parquet",
    output:
        predictions=DATASET / "zero_shot/{asked}/{split}/predictions.parquet",
        answers=DATASET / "zero_shot/{asked}/{split}/answers.csv",
    log:
        DATASET / "logs/ask_zero_shot/{asked}/{split}.log",
    conda:
        "../envs/vlm.yaml"
    threads: asked_threads
    resources:
        mem_mb=growing(24000),
        runtime=growing(240),
        gpu=asked_model_gpus,
    params:
        options=asked_options,
        index=lambda wildcards: answer_index(
            RESULTS / wildcards.dataset,
            f"zero_shot/{wildcards.asked}/{wildcards.split}",
        ),
        default_fps=CONFIG["landmarker"]["default_fps"],
        store=STORE,
        seed=CONFIG["seed"],
        version=ZERO_SHOT_VERSION,
    message:
        "ask {wildcards.asked} about {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/zero_shot.py"


rule evaluate_zero_shot:
    input:
        predictions=of_folds_asked,
        train=of_folds("splits/{split}/train.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
    output:
        metrics=DATASET / "evaluation/zero_shot/{asked}/{protocol}/metrics.json",
        confusion=report(
            DATASET / "evaluation/zero_shot/{asked}/{protocol}/confusion.png",
            caption="../docs/captions/confusion.rst",
            category="Evaluation",
            labels={
                "dataset": "{dataset}",
                "model": "{asked}, zero-shot",
                "protocol": "{protocol}",
            },
        ),
    log:
        DATASET / "logs/evaluate_zero_shot/{asked}/{protocol}.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        title=lambda wildcards: f"{wildcards.asked}, zero-shot, on {wildcards.dataset}",
        folds=lambda wildcards: FOLDS[wildcards.dataset] or [PROTOCOL],
        seed=CONFIG["seed"],
        version=EVALUATION_VERSION,
    message:
        "evaluate the answers of {wildcards.asked} about {wildcards.dataset}"
    script:
        "../scripts/evaluate.py"


rule zero_shot:
    input:
        [path for dataset in DATASETS for path in zero_shot_evaluations(dataset)],


wildcard_constraints:
    asked="[A-Za-z0-9][A-Za-z0-9_.-]*",
