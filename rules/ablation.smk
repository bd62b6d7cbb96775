# Variants of features and model on the same trajectories and folds, with several seeds; and nested
# cross-validation to choose among them. Codes go to the common store: variants with the same features
# have their splits in common as well, and those with the configuration's own use its own.
from functools import partial

from facewave.planning.ablation import (
    bucket_batches,
    flat,
    fold_batches,
    read_ablation,
    variant_indexes,
    variant_predictions,
    variant_splits,
    written_splits,
)

VARIANTS = told(read_ablation)(CONFIG)
ABLATION = DATASET / "ablation"
answers = partial(variant_predictions, PROJECT, VARIANTS)
batches = lambda wildcards: fold_batches(PROJECT, wildcards.dataset)
# What a variant is trained on: in the folds of a job, and in one of them.
of_job = lambda listed: (
    lambda wildcards: told(listed)(
        PROJECT,
        VARIANTS,
        wildcards.dataset,
        variant=wildcards.variant,
        folds=batches(wildcards)[wildcards.folds],
    )
)
of_fold = lambda listed: (
    lambda wildcards: told(listed)(
        PROJECT,
        VARIANTS,
        wildcards.dataset,
        variant=wildcards.variant,
        folds=[wildcards.split],
    )
)


rule encode_variant:
    input:
        tracks=told(
            lambda wildcards: [
                PROJECT.file(wildcards.dataset, f"tracks/{bucket}.tsv")
                for bucket in bucket_batches(PROJECT, wildcards.dataset)[
                    wildcards.buckets
                ]
            ]
        ),
    output:
        index=ABLATION / "{variant}/features/{buckets}.tsv",
    log:
        DATASET / "logs/encode_variant/{variant}/{buckets}.log",
    benchmark:
        DATASET / "benchmarks/encode_variant/{variant}/{buckets}.tsv"
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        store=STORE,
        options=lambda wildcards: VARIANTS.features(wildcards.variant),
    message:
        "encode {wildcards.dataset} for {wildcards.variant}, buckets {wildcards.buckets}"
    script:
        "../scripts/encode_variant.py"


use rule build_splits as split_variant with:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        features=lambda wildcards: variant_indexes(
            PROJECT, wildcards.dataset, wildcards.variant
        ),
    output:
        folder=temp(directory(ABLATION / "{variant}/{folds}/splits")),
    log:
        DATASET / "logs/split_variant/{variant}/{folds}.log",
    benchmark:
        DATASET / "benchmarks/split_variant/{variant}/{folds}.tsv"
    params:
        features=lambda wildcards: VARIANTS.features(wildcards.variant),
        fold=None,
        # Their folders and their names.
        folds=lambda wildcards: {
            Path(split).name: split.partition("/")[2] or None
            for split in batches(wildcards)[wildcards.folds]
        },
    message:
        "split {wildcards.dataset} for {wildcards.variant}, {wildcards.folds}"


rule fit_variant:
    input:
        parts=of_job(written_splits),
    output:
        predictions=[
            ABLATION / "{variant}/{folds}" / f"seed-{seed}.parquet"
            for seed in VARIANTS.seeds
        ],
    log:
        DATASET / "logs/fit_variant/{variant}/{folds}.log",
    benchmark:
        DATASET / "benchmarks/fit_variant/{variant}/{folds}.tsv"
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        splits=of_job(variant_splits),
        options=lambda wildcards: VARIANTS.variants[wildcards.variant]["mlp"],
        control=lambda wildcards: VARIANTS.controls.get(wildcards.variant),
        seeds=VARIANTS.seeds,
        version=MLP_VERSION,
    message:
        "train {wildcards.variant} on {wildcards.dataset}, {wildcards.folds}"
    script:
        "../scripts/fit_variant.py"


rule compare_variants:
    input:
        manifest=DATASET / "manifest.parquet",
        predictions=lambda wildcards: flat(answers(wildcards.dataset)),
    output:
        table=ABLATION / "ablation.csv",
        scores=ABLATION / "ablation.json",
        figure=ABLATION / "ablation.svg",
    log:
        DATASET / "logs/compare_variants.log",
    benchmark:
        DATASET / "benchmarks/compare_variants.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        predictions=lambda wildcards: answers(wildcards.dataset),
        reference=CONFIG["ablation"]["reference"],
        seed=CONFIG["seed"],
        version=EVALUATION_VERSION,
    message:
        "compare the variants on {wildcards.dataset}"
    script:
        "../scripts/compare_variants.py"


rule ablate:
    """Compare the variants of `ablation` on the same trajectories and folds."""
    input:
        refused("ablate"),
        of_datasets("ablation/ablation.csv"),


rule fit_inner:
    input:
        parts=of_fold(written_splits),
    output:
        predictions=[
            ABLATION / "{variant}/{split}/inner" / f"seed-{seed}.parquet"
            for seed in VARIANTS.seeds
        ],
    log:
        DATASET / "logs/fit_inner/{variant}/{split}.log",
    benchmark:
        DATASET / "benchmarks/fit_inner/{variant}/{split}.tsv"
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        splits=of_fold(variant_splits),
        options=lambda wildcards: VARIANTS.variants[wildcards.variant]["mlp"],
        seeds=VARIANTS.seeds,
        folds=CONFIG["ablation"]["inner_folds"],
        split={name: CONFIG["split"][name] for name in ("val_fraction", "allow_leaks")},
        seed=CONFIG["seed"],
        version=MLP_VERSION,
    message:
        "train {wildcards.variant} on the inner folds of {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/fit_inner.py"


rule choose_variants:
    input:
        manifest=DATASET / "manifest.parquet",
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
    benchmark:
        DATASET / "benchmarks/choose_variants.tsv"
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
        folds=lambda wildcards: PROJECT.fold_names(wildcards.dataset),
        reference=CONFIG["ablation"]["reference"],
        seed=CONFIG["seed"],
        version=EVALUATION_VERSION,
    message:
        "choose among the variants on {wildcards.dataset}"
    script:
        "../scripts/choose_variants.py"


rule tune:
    """Choose a variant by inner folds in every fold of the ablation, and score the choices."""
    input:
        refused("tune"),
        of_datasets("ablation/nested.csv"),


wildcard_constraints:
    variant="[A-Za-z0-9_]+",
    folds=r"[^/]+(/fold-[^/]+)?",
    buckets=r"\d+(_to_\d+)?",
