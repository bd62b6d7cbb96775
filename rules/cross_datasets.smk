# Train on one dataset, test on another: parts from two datasets' features, and a matrix of all pairs.
from facewave.planning.cross_datasets import (
    cross_options,
    datasets_of,
    pair_files,
    pair_predictions,
    pairs,
)
from facewave.planning.project import seed_files

CROSS = RESULTS / "cross_datasets"
of_pairs = lambda pattern: told(lambda wildcards: pair_files(CONFIG, pattern))
# Files of the tested dataset, and of those that are trained on.
of_sides = lambda stage: (
    lambda wildcards: [
        path
        for name in datasets_of(wildcards.dataset, wildcards.trained)
        for path in PROJECT.of_buckets(name, stage)
    ]
)


rule build_cross_splits:
    input:
        manifests=lambda wildcards: [
            RESULTS / name / "manifest.parquet"
            for name in datasets_of(wildcards.dataset, wildcards.trained)
        ],
        tracks=of_sides("tracks"),
        features=of_sides("features"),
        near_duplicates=LOOK_ALIKES,
    output:
        train=DATASET / "splits/cross_dataset/fold-{trained}/train.parquet",
        val=DATASET / "splits/cross_dataset/fold-{trained}/val.parquet",
        test=DATASET / "splits/cross_dataset/fold-{trained}/test.parquet",
    log:
        DATASET / "logs/build_cross_splits/{trained}.log",
    benchmark:
        DATASET / "benchmarks/build_cross_splits/{trained}.tsv"
    wildcard_constraints:
        trained="[A-Za-z0-9][A-Za-z0-9_.+-]*",
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        datasets=lambda wildcards: datasets_of(wildcards.dataset, wildcards.trained),
        classes=lambda wildcards: {
            name: PROJECT.datasets[name]["classes"]
            for name in datasets_of(wildcards.dataset, wildcards.trained)
        },
        buckets=lambda wildcards: {
            name: len(PROJECT.plans[name].buckets)
            for name in datasets_of(wildcards.dataset, wildcards.trained)
        },
        store=STORE,
        options={
            **STAGE_OPTIONS,
            "baseline": baseline_rule(CONFIG["features"], seed=CONFIG["seed"]),
        },
        split=cross_options(CONFIG),
        version=SPLIT_VERSION,
    message:
        "split: train on {wildcards.trained}, test on {wildcards.dataset}"
    script:
        "../scripts/build_cross_splits.py"


rule cross_datasets:
    """Train the MLP on each enabled dataset, test it on each other one, and tabulate the scores."""
    input:
        refused("cross_datasets"),
        predictions=told(
            lambda wildcards: pair_predictions(CONFIG, seed_files(CONFIG["seeds"]))
        ),
        train=of_pairs("splits/{split}/train.parquet"),
        val=of_pairs("splits/{split}/val.parquet"),
        test=of_pairs("splits/{split}/test.parquet"),
    output:
        table=CROSS / "cross_datasets.csv",
        page=report(CROSS / "cross_datasets.html", category="Evaluation"),
    log:
        RESULTS / "logs/cross_datasets.log",
    benchmark:
        RESULTS / "benchmarks/cross_datasets.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        pairs=[list(pair) for pair in pairs(CONFIG)],
        seed=CONFIG["seed"],
        version=EVALUATION_VERSION,
    message:
        "compare training and test datasets"
    script:
        "../scripts/cross_datasets.py"
