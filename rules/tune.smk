# Nested cross-validation: in each fold of the ablation the variant that inner folds choose.


rule fit_inner:
    input:
        train=ABLATION / "{variant}/{fold}/train.parquet",
        val=ABLATION / "{variant}/{fold}/val.parquet",
    output:
        predictions=expand(
            ABLATION / "{variant}/{fold}/inner/seed-{seed}.parquet",
            seed=ABLATION_SEEDS,
            allow_missing=True,
        ),
    log:
        DATASET / "logs/fit_inner/{variant}/{fold}.log",
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        options=lambda wildcards: VARIANTS[wildcards.variant]["mlp"],
        seeds=ABLATION_SEEDS,
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
            variant_answers(wildcards.dataset, names=CANDIDATES, inner=True)
        ),
        outer=lambda wildcards: flat(
            variant_answers(wildcards.dataset, names=CANDIDATES)
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
        inner=lambda wildcards: variant_answers(
            wildcards.dataset, names=CANDIDATES, inner=True
        ),
        outer=lambda wildcards: variant_answers(wildcards.dataset, names=CANDIDATES),
        folds=lambda wildcards: ablation_folds(wildcards.dataset),
        reference=CONFIG["ablation"]["reference"],
        seed=CONFIG["seed"],
    message:
        "choose among the variants on {wildcards.dataset}"
    script:
        "../scripts/choose_variants.py"


rule tune:
    input:
        of_datasets("ablation/nested.csv"),
