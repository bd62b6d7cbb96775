# Pretrained models answer questions about the test part without any training. Answers go to the
# store: a killed job resumes at the clip, and no question is answered twice.
from facewave.planning.vlm import vlm_sections, zero_shot_options, zero_shot_resources
from facewave.storage.key_index import ANSWERS, key_index
from facewave.versions import ZERO_SHOT_VERSION

# The models that `vlm` trains; untrained, they answer beside those of `zero_shot`.
VLM_SECTIONS = vlm_sections(CONFIG, toy_preset=Path(ROOT) / "presets/vlm_tiny.yaml")


rule predict_zero_shot:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        rendered=rendered_files,
        test=DATASET / "splits/{split}/test.parquet",
        weights=told(
            lambda wildcards: weights_file(
                RESULTS,
                zero_shot_options(CONFIG, VLM_SECTIONS, wildcards.model)["model"],
            )
        ),
    output:
        predictions=DATASET / "zero_shot/{model}/{split}/predictions.parquet",
        answers=DATASET / "zero_shot/{model}/{split}/answers.csv",
    log:
        DATASET / "logs/predict_zero_shot/{model}/{split}.log",
    benchmark:
        DATASET / "benchmarks/predict_zero_shot/{model}/{split}.tsv"
    conda:
        "../envs/vlm.yaml"
    threads: lambda wildcards: zero_shot_resources(CONFIG, VLM_SECTIONS, wildcards.model)[1]
    resources:
        mem_mb=growing(24000),
        runtime=growing(240),
        gpu=lambda wildcards: zero_shot_resources(
            CONFIG, VLM_SECTIONS, wildcards.model
        )[0],
    params:
        options=told(
            lambda wildcards: zero_shot_options(CONFIG, VLM_SECTIONS, wildcards.model)
        ),
        index=lambda wildcards: key_index(
            RESULTS / wildcards.dataset,
            ANSWERS,
            f"zero_shot/{wildcards.model}/{wildcards.split}",
        ),
        gpus=lambda wildcards, output: zero_shot_resources(
            CONFIG, VLM_SECTIONS, wildcards.model
        )[0],
        default_fps=CONFIG["landmarker"]["default_fps"],
        store=STORE,
        seed=CONFIG["seed"],
        video=lambda wildcards, output: CONFIG["video"],
        version=ZERO_SHOT_VERSION,
    message:
        "{wildcards.model} answers about {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/predict_zero_shot.py"


use rule evaluate as evaluate_zero_shot with:
    input:
        predictions=of_folds("zero_shot/{model}/{split}/predictions.parquet"),
        train=of_folds("splits/{split}/train.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
    output:
        metrics=DATASET / "evaluation/zero_shot/{model}/{protocol}/metrics.json",
        figure=confusion_image(
            DATASET / "evaluation/zero_shot/{model}/{protocol}", "{model}, zero-shot"
        ),
    log:
        DATASET / "logs/evaluate_zero_shot/{model}/{protocol}.log",
    benchmark:
        DATASET / "benchmarks/evaluate_zero_shot/{model}/{protocol}.tsv"
    params:
        title=lambda wildcards: f"{wildcards.model}, zero-shot, on {wildcards.dataset}",
    message:
        "evaluate the answers of {wildcards.model} about {wildcards.dataset}"


rule zero_shot:
    """Let the models of `zero_shot.enabled` answer about the test parts, untrained."""
    input:
        check_files(CONFIG, checks_of(CONFIG["zero_shot"]["enabled"])),
        of_datasets(
            "evaluation/zero_shot/{model}/{protocol}/metrics.json",
            model=CONFIG["zero_shot"]["enabled"],
        ),


wildcard_constraints:
    model="[A-Za-z0-9][A-Za-z0-9_.-]*",
