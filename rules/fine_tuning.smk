# LoRA fine-tuning of the Qwen2.5-VL models of `zero_shot`, with the loop of the other models.
from facewave.versions import FINE_TUNING_VERSION
from facewave.vlm.plan import fine_tuning_params


# Checkpoints lie outside the outputs' folders, where Snakemake does not remove them.
rule fit_qwen:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        rendered=rendered_files,
        train=DATASET / "splits/{split}/train.parquet",
        val=DATASET / "splits/{split}/val.parquet",
        test=DATASET / "splits/{split}/test.parquet",
        weights=lambda wildcards: weights_file(
            RESULTS, CONFIG["zero_shot"]["models"][wildcards.model]
        ),
    output:
        weights=DATASET / "fine_tuned/{model}/{split}/weights.safetensors",
        metrics=DATASET / "fine_tuned/{model}/{split}/metrics.csv",
        steps=DATASET / "fine_tuned/{model}/{split}/steps.csv",
        predictions=DATASET / "fine_tuned/{model}/{split}/predictions.parquet",
    log:
        DATASET / "logs/fit_qwen/{model}/{split}.log",
    conda:
        "../envs/vlm.yaml"
    threads: lambda wildcards: zero_shot_resources(CONFIG, VLM_SECTIONS, wildcards.model)[1]
    resources:
        mem_mb=growing(24000),
        runtime=growing(480),
        gpu=lambda wildcards: zero_shot_resources(
            CONFIG, VLM_SECTIONS, wildcards.model
        )[0],
    params:
        options=lambda wildcards: fine_tuning_params(CONFIG, wildcards.model),
        checkpoints=lambda wildcards: RESULTS / wildcards.dataset / "vlm/checkpoints",
        gpus=lambda wildcards, output: zero_shot_resources(
            CONFIG, VLM_SECTIONS, wildcards.model
        )[0],
        default_fps=CONFIG["landmarker"]["default_fps"],
        video=lambda wildcards, output: CONFIG["video"],
        store=STORE,
        seed=CONFIG["seed"],
        version=FINE_TUNING_VERSION,
    message:
        "fine-tune {wildcards.model} on {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/fit_qwen.py"


use rule evaluate as evaluate_fine_tuned with:
    input:
        predictions=of_folds("fine_tuned/{model}/{split}/predictions.parquet"),
        train=of_folds("splits/{split}/train.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
    output:
        metrics=DATASET / "evaluation/fine_tuned/{model}/{protocol}/metrics.json",
        figure=confusion_image(
            DATASET / "evaluation/fine_tuned/{model}/{protocol}", "{model}, fine-tuned"
        ),
    log:
        DATASET / "logs/evaluate_fine_tuned/{model}/{protocol}.log",
    params:
        title=lambda wildcards: f"{wildcards.model}, fine-tuned, on {wildcards.dataset}",
    message:
        "evaluate the fine-tuned {wildcards.model} on {wildcards.dataset}"


rule fine_tune:
    """Fine-tune the models of `fine_tune.models` on the training parts, and score them."""
    input:
        check_files(CONFIG, checks_of(CONFIG["fine_tune"]["models"])),
        of_datasets(
            "evaluation/fine_tuned/{model}/{protocol}/metrics.json",
            model=CONFIG["fine_tune"]["models"],
        ),
