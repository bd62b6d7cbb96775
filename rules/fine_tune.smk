# LoRA fine-tuning of the Qwen2.5-VL models that are asked, with the loop of the other models.


# Checkpoints lie beside the outputs' folders, where what Snakemake removes leaves them alone.
rule fit_qwen:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        rendered=lambda wildcards: demo_files(wildcards.dataset),
        train=DATASET / "splits/{split}/train.parquet",
        val=DATASET / "splits/{split}/val.parquet",
        test=DATASET / "splits/{split}/test.parquet",
    output:
        weights=DATASET / "fine_tuned/{asked}/{split}/weights.safetensors",
        metrics=DATASET / "fine_tuned/{asked}/{split}/metrics.csv",
        steps=DATASET / "fine_tuned/{asked}/{split}/steps.csv",
        predictions=DATASET / "fine_tuned/{asked}/{split}/predictions.parquet",
    log:
        DATASET / "logs/fit_qwen/{asked}/{split}.log",
    conda:
        "../envs/vlm.yaml"
    threads: asked_threads
    resources:
        mem_mb=growing(24000),
        runtime=growing(480),
        gpu=asked_model_gpus,
    params:
        options=lambda wildcards: fine_tuning_params(CONFIG, wildcards.asked),
        checkpoints=lambda wildcards: RESULTS / wildcards.dataset / "vlm/checkpoints",
        default_fps=CONFIG["landmarker"]["default_fps"],
        store=STORE,
        seed=CONFIG["seed"],
        version=FINE_TUNING_VERSION,
    message:
        "fine-tune {wildcards.asked} on {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/fine_tune_qwen.py"


rule evaluate_fine_tuned:
    input:
        predictions=lambda wildcards: of_folds(
            f"fine_tuned/{wildcards.asked}/{{split}}/predictions.parquet"
        )(wildcards),
        train=of_folds("splits/{split}/train.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
    output:
        metrics=DATASET / "evaluation/fine_tuned/{asked}/{protocol}/metrics.json",
        confusion=report(
            DATASET / "evaluation/fine_tuned/{asked}/{protocol}/confusion.png",
            caption="../docs/captions/confusion.rst",
            category="Evaluation",
            labels={
                "dataset": "{dataset}",
                "model": "{asked}, fine-tuned",
                "protocol": "{protocol}",
            },
        ),
    log:
        DATASET / "logs/evaluate_fine_tuned/{asked}/{protocol}.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        title=lambda wildcards: f"{wildcards.asked}, fine-tuned, on {wildcards.dataset}",
        folds=lambda wildcards: FOLDS[wildcards.dataset] or [PROTOCOL],
        seed=CONFIG["seed"],
        version=EVALUATION_VERSION,
    message:
        "evaluate the fine-tuned {wildcards.asked} on {wildcards.dataset}"
    script:
        "../scripts/evaluate.py"


rule fine_tune:
    input:
        [
            RESULTS
            / dataset
            / f"evaluation/fine_tuned/{name}"
            / PROTOCOL
            / "metrics.json"
            for dataset in DATASETS
            for name in CONFIG["fine_tune"]["models"]
        ],
