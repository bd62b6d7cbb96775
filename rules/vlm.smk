# PaliGemma 2 and Qwen2.5-VL with a face: adaptation, fine-tuning, fusion with the MLP, ablation. The
# rules of zero_shot.smk let them answer before they are trained.
from facewave.planning.ablation import flat
from facewave.planning.vlm import (
    control_predictions,
    gpus,
    score_file,
    scored_stages,
    shuffled_features,
    stage_scores,
    training_files,
    training_options,
    training_speed,
)
from facewave.versions import VLM_VERSION
from facewave.vlm.plan import CONTROLS, STAGES

VLM = DATASET / "vlm"
EVALUATED = DATASET / "evaluation/{vlm}/{control}/{stage}/{protocol}"
# The predictions of a model's ablation: per control, one list per fold.
CONTROLLED = lambda wildcards: control_predictions(
    VLM_SECTIONS[wildcards.vlm], PROJECT, wildcards.dataset, vlm=wildcards.vlm
)
SHUFFLED = shuffled_features(CONFIG, STAGE_OPTIONS["features"])


# One stage of one control. Checkpoints lie outside the outputs' folders: Snakemake does not remove
# them when a job is killed, and the job resumes from the last one.
rule fit_vlm:
    input:
        unpack(
            told(
                lambda wildcards: training_files(
                    VLM_SECTIONS[wildcards.vlm],
                    PROJECT,
                    wildcards.dataset,
                    vlm=wildcards.vlm,
                    control=wildcards.control,
                    stage=wildcards.stage,
                    split=wildcards.split,
                )
            )
        ),
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        rendered=rendered_files,
        weights=lambda wildcards: weights_file(RESULTS, VLM_SECTIONS[wildcards.vlm]),
    output:
        weights=VLM / "{vlm}/{control}/{stage}/{split}/weights.safetensors",
        metrics=VLM / "{vlm}/{control}/{stage}/{split}/metrics.csv",
        steps=VLM / "{vlm}/{control}/{stage}/{split}/steps.csv",
        movement=VLM / "{vlm}/{control}/{stage}/{split}/movement.csv",
        predictions=VLM / "{vlm}/{control}/{stage}/{split}/predictions.parquet",
    log:
        DATASET / "logs/fit_vlm/{vlm}/{control}/{stage}/{split}.log",
    benchmark:
        DATASET / "benchmarks/fit_vlm/{vlm}/{control}/{stage}/{split}.tsv"
    wildcard_constraints:
        stage="|".join(STAGES),
    conda:
        "../envs/vlm.yaml"
    threads: lambda wildcards: VLM_SECTIONS[wildcards.vlm]["threads"]
    resources:
        # The process of each GPU reads the weights.
        mem_mb=growing(12000 * (1 + max(1, CONFIG["vlm"]["gpus"]))),
        runtime=growing(480),
        gpu=lambda wildcards: gpus(
            VLM_SECTIONS[wildcards.vlm], VLM_SECTIONS[wildcards.vlm]
        ),
    params:
        options=told(
            lambda wildcards: training_options(
                VLM_SECTIONS[wildcards.vlm],
                PROJECT,
                wildcards.dataset,
                control=wildcards.control,
                stage=wildcards.stage,
            )
        ),
        checkpoints=lambda wildcards: RESULTS / wildcards.dataset / "vlm/checkpoints",
        # As functions of `output` these are no reason to run again.
        speed=lambda wildcards, output: training_speed(VLM_SECTIONS[wildcards.vlm]),
        # The resource may be cut to what `--resources gpu=` allows: 4 would silently become 1.
        gpus=lambda wildcards, output: gpus(
            VLM_SECTIONS[wildcards.vlm], VLM_SECTIONS[wildcards.vlm]
        ),
        default_fps=CONFIG["landmarker"]["default_fps"],
        video=lambda wildcards, output: CONFIG["video"],
        store=STORE,
        seed=CONFIG["seed"],
        version=VLM_VERSION,
    message:
        "{wildcards.stage} of {wildcards.vlm} ({wildcards.control}) on {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/fit_vlm.py"


rule fuse_vlm:
    input:
        mlp=DATASET / "mlp/{split}/predictions.parquet",
        vlm=VLM / "{vlm}/full/fine_tuning/{split}/predictions.parquet",
    output:
        predictions=VLM / "{vlm}/full/fusion/{split}/predictions.parquet",
    log:
        DATASET / "logs/fuse_vlm/{vlm}/{split}.log",
    benchmark:
        DATASET / "benchmarks/fuse_vlm/{vlm}/{split}.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        version=VLM_VERSION,
    message:
        "fuse MLP and {wildcards.vlm} on {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/fuse_vlm.py"


rule write_adapter:
    input:
        weights=VLM / "{vlm}/full/{stage}/{split}/weights.safetensors",
        metrics=told(
            lambda wildcards: score_file(
                VLM_SECTIONS[wildcards.vlm],
                PROJECT,
                wildcards.dataset,
                vlm=wildcards.vlm,
                stage=wildcards.stage,
            )
        ),
    output:
        config=VLM / "{vlm}/full/{stage}/{split}/peft/adapter_config.json",
        adapter=VLM / "{vlm}/full/{stage}/{split}/peft/adapter_model.safetensors",
        face=VLM / "{vlm}/full/{stage}/{split}/peft/face_modules.safetensors",
        card=VLM / "{vlm}/full/{stage}/{split}/peft/README.md",
    log:
        DATASET / "logs/write_adapter/{vlm}/{stage}/{split}.log",
    benchmark:
        DATASET / "benchmarks/write_adapter/{vlm}/{stage}/{split}.tsv"
    wildcard_constraints:
        stage="|".join(STAGES),
    conda:
        "../envs/vlm.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(20),
    message:
        "write {wildcards.stage} of {wildcards.vlm} on {wildcards.dataset}, {wildcards.split}, to share"
    script:
        "../scripts/write_adapter.py"


use rule evaluate as evaluate_vlm with:
    input:
        predictions=of_folds("vlm/{vlm}/{control}/{stage}/{split}/predictions.parquet"),
        train=of_folds("splits/{split}/train.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
    output:
        metrics=EVALUATED / "metrics.json",
        confused_clips=EVALUATED / "confused_clips.csv",
        confused_classes=EVALUATED / "confused_classes.csv",
        figure=confusion_image(EVALUATED, "{vlm}, {stage}"),
    log:
        DATASET / "logs/evaluate_vlm/{vlm}/{control}/{stage}/{protocol}.log",
    benchmark:
        DATASET / "benchmarks/evaluate_vlm/{vlm}/{control}/{stage}/{protocol}.tsv"
    params:
        title=lambda wildcards: f"{wildcards.vlm}, {wildcards.stage}, on {wildcards.dataset}",
    message:
        "evaluate {wildcards.stage} of {wildcards.vlm} on {wildcards.dataset}"


# What the MLP makes of the clips that a model has learned from in both stages: an equal chance.
rule fit_mlp_same_clips:
    input:
        train=DATASET / "splits/{split}/train.parquet",
        val=DATASET / "splits/{split}/val.parquet",
        test=DATASET / "splits/{split}/test.parquet",
    output:
        predictions=VLM / "mlp/{split}/predictions.parquet",
    log:
        DATASET / "logs/fit_mlp_same_clips/{split}.log",
    benchmark:
        DATASET / "benchmarks/fit_mlp_same_clips/{split}.tsv"
    conda:
        "../envs/vlm.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        options=told(lambda wildcards: class_options(CONFIG)),
        shares={name: CONFIG["vlm"]["stages"][name]["share"] for name in STAGES},
        seed=CONFIG["seed"],
        mlp_seed=CONFIG["seeds"][0],
        version=[MLP_VERSION, VLM_VERSION],
    message:
        "train the MLP on the clips of both stages, {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/fit_mlp_same_clips.py"


use rule evaluate as evaluate_mlp_same_clips with:
    input:
        predictions=of_folds("vlm/mlp/{split}/predictions.parquet"),
        train=of_folds("splits/{split}/train.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
    output:
        metrics=DATASET / "evaluation/mlp_same_clips/{protocol}/metrics.json",
        figure=DATASET / "evaluation/mlp_same_clips/{protocol}/confusion.png",
    log:
        DATASET / "logs/evaluate_mlp_same_clips/{protocol}.log",
    benchmark:
        DATASET / "benchmarks/evaluate_mlp_same_clips/{protocol}.tsv"
    params:
        title=lambda wildcards: f"MLP on the clips of both stages, on {wildcards.dataset}",
    message:
        "evaluate the MLP on the clips of both stages, {wildcards.dataset}"


# The same for `head: regression`, which has other scores.
use rule evaluate as evaluate_regression with:
    input:
        predictions=of_folds("vlm/{vlm}/{control}/{stage}/{split}/predictions.parquet"),
        train=of_folds("splits/{split}/train.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
    output:
        metrics=EVALUATED / "regression.json",
        figure=EVALUATED / "regression.png",
    log:
        DATASET / "logs/evaluate_regression/{vlm}/{control}/{stage}/{protocol}.log",
    benchmark:
        DATASET
        / "benchmarks/evaluate_regression/{vlm}/{control}/{stage}/{protocol}.tsv"
    wildcard_constraints:
        stage="|".join(STAGES),
    params:
        title=lambda wildcards: f"{wildcards.vlm}, {wildcards.stage}, on {wildcards.dataset}",
    message:
        "evaluate {wildcards.stage} of {wildcards.vlm} on {wildcards.dataset}"


use rule encode_features as shuffle_time_encode with:
    input:
        tracks=DATASET / "tracks/{bucket}.tsv",
    output:
        index=VLM / "shuffled_time/features/{bucket}.tsv",
    log:
        DATASET / "logs/shuffle_time_encode/{bucket}.log",
    benchmark:
        DATASET / "benchmarks/shuffle_time_encode/{bucket}.tsv"
    params:
        options=SHUFFLED,
    message:
        "encode {wildcards.dataset} with shuffled frames, bucket {wildcards.bucket}"


use rule build_splits as shuffle_time_split with:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        features=of_buckets("vlm/shuffled_time/features"),
    output:
        **{
            part: temp(VLM / "shuffled_time/splits/{split}" / f"{part}.parquet")
            for part in PARTS
        },
    log:
        DATASET / "logs/shuffle_time_split/{split}.log",
    benchmark:
        DATASET / "benchmarks/shuffle_time_split/{split}.tsv"
    params:
        features=SHUFFLED,
    message:
        "split {wildcards.dataset} with shuffled frames by {wildcards.split}"


use rule compare_variants as compare_vlm_controls with:
    input:
        manifest=DATASET / "manifest.parquet",
        predictions=told(lambda wildcards: flat(CONTROLLED(wildcards))),
    output:
        table=DATASET / "evaluation/{vlm}/ablation/{protocol}/ablation.csv",
        scores=DATASET / "evaluation/{vlm}/ablation/{protocol}/ablation.json",
        figure=DATASET / "evaluation/{vlm}/ablation/{protocol}/ablation.svg",
    log:
        DATASET / "logs/compare_vlm_controls/{vlm}/{protocol}.log",
    benchmark:
        DATASET / "benchmarks/compare_vlm_controls/{vlm}/{protocol}.tsv"
    params:
        predictions=lambda wildcards: CONTROLLED(wildcards),
        reference="full",
    message:
        "compare the controls of {wildcards.vlm} on {wildcards.dataset}"


rule zero_shot_paligemma:
    """Let PaliGemma 2 answer about the test parts before it is trained."""
    input:
        check_files(CONFIG, ["vlm-paligemma"]),
        stage_scores(VLM_SECTIONS, PROJECT, "paligemma", ["zero_shot"]),


rule adapt_paligemma:
    """Train the first stage of PaliGemma 2, and score it."""
    input:
        check_files(CONFIG, ["vlm-paligemma"]),
        stage_scores(VLM_SECTIONS, PROJECT, "paligemma", ["adaptation"]),


rule train_paligemma:
    """Train both stages of PaliGemma 2, fuse it with the MLP, and score all."""
    input:
        check_files(CONFIG, ["vlm-paligemma"]),
        stage_scores(
            VLM_SECTIONS,
            PROJECT,
            "paligemma",
            scored_stages(CONFIG["vlm"], values=VALUES),
        ),
        rules.report.input if VLM_SECTIONS["paligemma"]["report"] else [],


rule ablate_paligemma:
    """Compare PaliGemma 2 with its controls (`vlm.ablations`)."""
    input:
        check_files(CONFIG, ["vlm-paligemma"]),
        of_datasets("evaluation/paligemma/ablation/{protocol}/ablation.json"),


rule export_paligemma:
    """Write every fold's PaliGemma 2 as a folder that PEFT loads, with a model card."""
    input:
        of_datasets("vlm/paligemma/full/fine_tuning/{split}/peft/README.md"),


rule zero_shot_qwen:
    """Let Qwen2.5-VL with a face answer about the test parts before it is trained."""
    input:
        check_files(CONFIG, ["vlm-qwen"]),
        stage_scores(VLM_SECTIONS, PROJECT, "qwen", ["zero_shot"]),


rule adapt_qwen:
    """Train the first stage of Qwen2.5-VL with a face, and score it."""
    input:
        check_files(CONFIG, ["vlm-qwen"]),
        stage_scores(VLM_SECTIONS, PROJECT, "qwen", ["adaptation"]),


rule train_qwen:
    """Train both stages of Qwen2.5-VL with a face, fuse it with the MLP, and score all."""
    input:
        check_files(CONFIG, ["vlm-qwen"]),
        stage_scores(
            VLM_SECTIONS,
            PROJECT,
            "qwen",
            scored_stages(CONFIG["vlm"], values=VALUES),
        ),
        rules.report.input if VLM_SECTIONS["qwen"]["report"] else [],


rule ablate_qwen:
    """Compare Qwen2.5-VL with a face with its controls (`vlm.ablations`)."""
    input:
        check_files(CONFIG, ["vlm-qwen"]),
        of_datasets("evaluation/qwen/ablation/{protocol}/ablation.json"),


rule export_qwen:
    """Write every fold's Qwen2.5-VL as a folder that PEFT loads, with a model card."""
    input:
        of_datasets("vlm/qwen/full/fine_tuning/{split}/peft/README.md"),


rule demo_vlm:
    """Run toy models with random weights through every stage on the rendered clips, up to a page."""
    input:
        [
            RESULTS / name / "report_vlm.html"
            for name, options in PROJECT.datasets.items()
            if options["adapter"] == "demo"
        ],


wildcard_constraints:
    vlm="(paligemma|qwen)(_tiny)?",
    control="|".join(("full", *CONTROLS)),
    stage="adaptation|fine_tuning|fusion",
