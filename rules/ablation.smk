# Variants of features and model on the same trajectories, leaving one subject out, with several
# seeds; and nested cross-validation to choose among them. Codes go to the common store: variants with
# the same features compute them once.
from functools import partial

from facewave.planning.ablation import (
    flat,
    outer_folds,
    read_ablation,
    variant_indexes,
    variant_predictions,
)
from facewave.splits.partition import LEAVE_ONE_SUBJECT_OUT

VARIANTS = told(read_ablation)(CONFIG)
ABLATION = DATASET / "ablation"
answers = partial(variant_predictions, PROJECT, VARIANTS)


use rule encode_features as encode_variant with:
    input:
        tracks=DATASET / "tracks/{bucket}.tsv",
    output:
        index=ABLATION / "{variant}/features/{bucket}.tsv",
    log:
        DATASET / "logs/encode_variant/{variant}/{bucket}.log",
    params:
        options=lambda wildcards: VARIANTS.features(wildcards.variant),
    message:
        "encode {wildcards.dataset} for {wildcards.variant}, bucket {wildcards.bucket}"


use rule build_splits as split_variant with:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        features=lambda wildcards: variant_indexes(
            PROJECT, wildcards.dataset, wildcards.variant
        ),
    output:
        **{
            part: temp(ABLATION / "{variant}" / "{fold}" / f"{part}.parquet")
            for part in PARTS
        },
    log:
        DATASET / "logs/split_variant/{variant}/{fold}.log",
    params:
        features=lambda wildcards: VARIANTS.features(wildcards.variant),
        split={**split_options(CONFIG), "protocol": LEAVE_ONE_SUBJECT_OUT},
        fold=lambda wildcards: wildcards.fold,
        baseline=baseline_rule(CONFIG["features"], seed=CONFIG["seed"]),
    message:
        "split {wildcards.dataset} for {wildcards.variant}, {wildcards.fold}"


rule fit_variant:
    input:
        **{
            part: ABLATION / "{variant}" / "{fold}" / f"{part}.parquet"
            for part in PARTS
        },
    output:
        predictions=[
            ABLATION / "{variant}/{fold}" / f"seed-{seed}.parquet"
            for seed in VARIANTS.seeds
        ],
    log:
        DATASET / "logs/fit_variant/{variant}/{fold}.log",
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        options=lambda wildcards: VARIANTS.variants[wildcards.variant]["mlp"],
        control=lambda wildcards: VARIANTS.controls.get(wildcards.variant),
        seeds=VARIANTS.seeds,
        version=MLP_VERSION,
    message:
        "train {wildcards.variant} on {wildcards.dataset}, {wildcards.fold}"
    script:
        "../scripts/fit_variant.py"


rule compare_variants:
    input:
        lambda wildcards: flat(answers(wildcards.dataset)),
    output:
        table=ABLATION / "ablation.csv",
        scores=ABLATION / "ablation.json",
        figure=ABLATION / "ablation.svg",
    log:
        DATASET / "logs/compare_variants.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        predictions=lambda wildcards: answers(wildcards.dataset),
        reference=CONFIG["ablation"]["reference"],
        seed=CONFIG["seed"],
    message:
        "compare the variants on {wildcards.dataset}"
    script:
        "../scripts/compare_variants.py"


rule ablate:
    """Compare the variants of `ablation` on the same trajectories, leaving one subject out."""
    input:
        of_datasets("ablation/ablation.csv"),


rule fit_inner:
    input:
        train=ABLATION / "{variant}/{fold}/train.parquet",
        val=ABLATION / "{variant}/{fold}/val.parquet",
    output:
        predictions=[
            ABLATION / "{variant}/{fold}/inner" / f"seed-{seed}.parquet"
            for seed in VARIANTS.seeds
        ],
    log:
        DATASET / "logs/fit_inner/{variant}/{fold}.log",
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        options=lambda wildcards: VARIANTS.variants[wildcards.variant]["mlp"],
        seeds=VARIANTS.seeds,
        folds=CONFIG["ablation"]["inner_folds"],
        val_fraction=CONFIG["split"]["val_fraction"],
        seed=CONFIG["seed"],
        version=MLP_VERSION,
    message:
        "train {wildcards.variant} on the inner folds of {wildcards.dataset}, {wildcards.fold}"
    script:
        "../scripts/fit_inner.py"


rule choose_variants:
    input:
        inner=lambda wildcards: flat(
            answers(wildcards.dataset, names=VARIANTS.candidates, inner=True)
        ),
        outer=lambda wildcards: flat(
            answers(wildcards.dataset, names=VARIANTS.candidates)
        ),
    output:
        scores=ABLATION / "nested.csv",
        choices=ABLATION / "choices.csv",
        inner=ABLATION / "inner_scores.csv",
    log:
        DATASET / "logs/choose_variants.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        inner=lambda wildcards: answers(
            wildcards.dataset, names=VARIANTS.candidates, inner=True
        ),
        outer=lambda wildcards: answers(wildcards.dataset, names=VARIANTS.candidates),
        folds=lambda wildcards: outer_folds(PROJECT, wildcards.dataset),
        reference=CONFIG["ablation"]["reference"],
        seed=CONFIG["seed"],
    message:
        "choose among the variants on {wildcards.dataset}"
    script:
        "../scripts/choose_variants.py"


rule tune:
    """Choose a variant by inner folds in every fold of the ablation, and score the choices."""
    input:
        of_datasets("ablation/nested.csv"),


wildcard_constraints:
    variant="[A-Za-z0-9_]+",
    fold=r"fold-[^/]+",
