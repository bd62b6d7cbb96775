# Variants of features and model on the same trajectories, leave one subject out, several seeds.
# Codes go to the same store as all others: variants that share features compute them once.


rule encode_variant:
    input:
        tracks=DATASET / "tracks/{bucket}.tsv",
    output:
        index=ABLATION / "{variant}/features/{bucket}.tsv",
    log:
        DATASET / "logs/encode_variant/{variant}/{bucket}.log",
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        store=STORE,
        options=variant_features,
    message:
        "encode {wildcards.dataset} for {wildcards.variant}, bucket {wildcards.bucket}"
    script:
        "../scripts/encode_features.py"


rule split_variant:
    input:
        manifest=untargeted_manifest,
        tracks=of_buckets("tracks"),
        features=lambda wildcards: [
            RESULTS
            / wildcards.dataset
            / f"ablation/{wildcards.variant}/features/{bucket}.tsv"
            for bucket in PLANS[wildcards.dataset].buckets
        ],
    output:
        **{
            part: temp(ABLATION / "{variant}" / "{fold}" / f"{part}.parquet")
            for part in PARTS
        },
    log:
        DATASET / "logs/split_variant/{variant}/{fold}.log",
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        store=STORE,
        features=variant_features,
        tracks=STAGE_OPTIONS["tracks"],
        classes=lambda wildcards: DATASETS[wildcards.dataset]["classes"],
        split={**CONFIG["split"], "protocol": LEAVE_ONE_SUBJECT_OUT},
        fold=lambda wildcards: wildcards.fold,
        seed=CONFIG["seed"],
        version=SPLIT_VERSION,
    message:
        "split {wildcards.dataset} for {wildcards.variant}, {wildcards.fold}"
    script:
        "../scripts/build_splits.py"


rule fit_variant:
    input:
        **{
            part: ABLATION / "{variant}" / "{fold}" / f"{part}.parquet"
            for part in PARTS
        },
    output:
        predictions=expand(
            ABLATION / "{variant}/{fold}/seed-{seed}.parquet",
            seed=ABLATION_SEEDS,
            allow_missing=True,
        ),
    log:
        DATASET / "logs/fit_variant/{variant}/{fold}.log",
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        options=lambda wildcards: VARIANTS[wildcards.variant]["mlp"],
        control=lambda wildcards: WITH_GRID["ablation"]["variants"][
            wildcards.variant
        ].get("control"),
        seeds=ABLATION_SEEDS,
        version=MLP_VERSION,
    message:
        "train {wildcards.variant} on {wildcards.dataset}, {wildcards.fold}"
    script:
        "../scripts/fit_variant.py"


rule compare_variants:
    input:
        lambda wildcards: flat(variant_answers(wildcards.dataset)),
    output:
        table=ABLATION / "ablation.csv",
        scores=ABLATION / "ablation.json",
        picture=ABLATION / "ablation.svg",
    log:
        DATASET / "logs/compare_variants.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        predictions=lambda wildcards: variant_answers(wildcards.dataset),
        reference=CONFIG["ablation"]["reference"],
        seed=CONFIG["seed"],
    message:
        "compare the variants on {wildcards.dataset}"
    script:
        "../scripts/compare_variants.py"


rule ablate:
    input:
        of_datasets("ablation/ablation.csv"),


wildcard_constraints:
    variant="[A-Za-z0-9_]+",
    fold=r"fold-[^/]+",
