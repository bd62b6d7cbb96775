# PaliGemma 2 with a face: adaptation, fine-tuning, fusion with the MLP, ablation. Before it is
# trained it is asked by the rules of zero_shot.smk.


# A stage of one control. Checkpoints lie beside the outputs' folders, not among the outputs: what
# Snakemake removes of a killed job leaves them alone, and the job goes on from the last one.
rule fit_vlm:
    input:
        manifest=vlm_manifest,
        tracks=of_buckets("tracks"),
        rendered=lambda wildcards: demo_files(wildcards.dataset),
        train=vlm_split("train"),
        val=vlm_split("val"),
        test=vlm_split("test"),
        start=vlm_start,
    output:
        weights=VLM / "{vlm}/{control}/{stage}/{split}/weights.safetensors",
        metrics=VLM / "{vlm}/{control}/{stage}/{split}/metrics.csv",
        steps=VLM / "{vlm}/{control}/{stage}/{split}/steps.csv",
        predictions=VLM / "{vlm}/{control}/{stage}/{split}/predictions.parquet",
    log:
        DATASET / "logs/fit_vlm/{vlm}/{control}/{stage}/{split}.log",
    wildcard_constraints:
        stage="|".join(STAGES),
    conda:
        "../envs/vlm.yaml"
    threads: vlm_threads
    resources:
        mem_mb=growing(VLM_MEMORY),
        runtime=growing(480),
        gpu=vlm_gpus,
    params:
        options=vlm_options,
        checkpoints=lambda wildcards: RESULTS / wildcards.dataset / "vlm/checkpoints",
        default_fps=CONFIG["landmarker"]["default_fps"],
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
        "../scripts/fuse_models.py"


rule evaluate_vlm:
    input:
        predictions=lambda wildcards: [
            RESULTS
            / wildcards.dataset
            / f"vlm/{wildcards.vlm}/{wildcards.control}/{wildcards.stage}/{split}/predictions.parquet"
            for split in split_folders(wildcards.dataset)
        ],
        train=of_folds("splits/{split}/train.parquet"),
        test=of_folds("splits/{split}/test.parquet"),
    output:
        metrics=DATASET / "evaluation/{vlm}/{control}/{stage}/{protocol}/metrics.json",
        confused_clips=DATASET
        / "evaluation/{vlm}/{control}/{stage}/{protocol}/confused_clips.csv",
        confused_classes=DATASET
        / "evaluation/{vlm}/{control}/{stage}/{protocol}/confused_classes.csv",
        confusion=report(
            DATASET / "evaluation/{vlm}/{control}/{stage}/{protocol}/confusion.png",
            caption="../docs/captions/confusion.rst",
            category="Evaluation",
            labels={
                "dataset": "{dataset}",
                "model": "{vlm}, {stage}",
                "protocol": "{protocol}",
            },
        ),
    log:
        DATASET / "logs/evaluate_vlm/{vlm}/{control}/{stage}/{protocol}.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        title=lambda wildcards: f"{wildcards.vlm}, {wildcards.stage}, on {wildcards.dataset}",
        folds=lambda wildcards: FOLDS[wildcards.dataset] or [PROTOCOL],
        seed=CONFIG["seed"],
        version=EVALUATION_VERSION,
    message:
        "evaluate {wildcards.stage} of {wildcards.vlm} on {wildcards.dataset}"
    script:
        "../scripts/evaluate.py"


# The same of a regression, whose scores are other ones.
rule evaluate_vlm_regression:
    input:
        predictions=lambda wildcards: [
            RESULTS
            / wildcards.dataset
            / f"vlm/{wildcards.vlm}/{wildcards.control}/{wildcards.stage}/{split}/predictions.parquet"
            for split in split_folders(wildcards.dataset)
        ],
        train=of_folds("splits/{split}/train.parquet"),
    output:
        metrics=DATASET
        / "evaluation/{vlm}/{control}/{stage}/{protocol}/regression.json",
        picture=DATASET / "evaluation/{vlm}/{control}/{stage}/{protocol}/regression.png",
    log:
        DATASET / "logs/evaluate_vlm_regression/{vlm}/{control}/{stage}/{protocol}.log",
    wildcard_constraints:
        stage="|".join(STAGES),
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        title=lambda wildcards: f"{wildcards.vlm}, {wildcards.stage}, on {wildcards.dataset}",
        version=EVALUATION_VERSION,
    message:
        "evaluate {wildcards.stage} of {wildcards.vlm} on {wildcards.dataset}"
    script:
        "../scripts/evaluate_regression.py"


rule shuffle_time_encode:
    input:
        tracks=DATASET / "tracks/{bucket}.tsv",
    output:
        index=VLM / "shuffled_time/features/{bucket}.tsv",
    log:
        DATASET / "logs/shuffle_time_encode/{bucket}.log",
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        store=STORE,
        options=SHUFFLED_FEATURES,
    message:
        "encode {wildcards.dataset} with shuffled frames, bucket {wildcards.bucket}"
    script:
        "../scripts/encode_features.py"


rule shuffle_time_split:
    input:
        manifest=untargeted_manifest,
        tracks=of_buckets("tracks"),
        features=of_buckets("vlm/shuffled_time/features"),
    output:
        **{
            part: temp(VLM / "shuffled_time/splits/{split}" / f"{part}.parquet")
            for part in PARTS
        },
    log:
        DATASET / "logs/shuffle_time_split/{split}.log",
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        store=STORE,
        features=SHUFFLED_FEATURES,
        tracks=STAGE_OPTIONS["tracks"],
        classes=lambda wildcards: DATASETS[wildcards.dataset]["classes"],
        split=CONFIG["split"],
        fold=lambda wildcards: wildcards.split.partition("/")[2] or None,
        seed=CONFIG["seed"],
        version=SPLIT_VERSION,
    message:
        "split {wildcards.dataset} with shuffled frames by {wildcards.split}"
    script:
        "../scripts/build_splits.py"


rule compare_vlm_controls:
    input:
        lambda wildcards: [
            file
            for folds in vlm_ablation_answers(wildcards).values()
            for files in folds
            for file in files
        ],
    output:
        table=DATASET / "evaluation/{vlm}/ablation/{protocol}/ablation.csv",
        scores=DATASET / "evaluation/{vlm}/ablation/{protocol}/ablation.json",
        picture=DATASET / "evaluation/{vlm}/ablation/{protocol}/ablation.svg",
    log:
        DATASET / "logs/compare_vlm_controls/{vlm}/{protocol}.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        predictions=vlm_ablation_answers,
        reference="full",
        seed=CONFIG["seed"],
    message:
        "compare the controls of {wildcards.vlm} on {wildcards.dataset}"
    script:
        "../scripts/compare_variants.py"


rule zero_shot_paligemma:
    input:
        vlm_evaluations("paligemma", ["zero_shot"]),


rule adapt_paligemma:
    input:
        vlm_evaluations("paligemma", ["adaptation"]),


# Both trained stages, their scores, the fusion and, where `vlm.report` shows them, the report.
rule train_paligemma:
    input:
        vlm_evaluations("paligemma", VLM_SCORED),
        rules.report.input if CONFIG["vlm"]["report"] else [],


rule ablate_paligemma:
    input:
        of_datasets("evaluation/paligemma/ablation/{protocol}/ablation.json"),


# The toy model on the rendered clips, through every stage: that it runs, not what it scores.
rule demo_vlm:
    input:
        vlm_evaluations(
            "paligemma_tiny",
            ["zero_shot", *VLM_SCORED],
            datasets=[
                name
                for name, options in DATASETS.items()
                if options["adapter"] == "demo"
            ],
        ),


wildcard_constraints:
    vlm="paligemma(_tiny)?",
    control="|".join(("full", *CONTROLS)),
    stage="adaptation|fine_tuning|fusion",
