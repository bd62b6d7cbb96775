# Label files -> one table per dataset. The key file changes only when a row changes. A dataset's
# `texts` puts texts from other tables into the column `text`; its `targets` get a separate table.
from facewave.datasets.texts import manifest_options
from facewave.manifest.clips import COLUMNS
from facewave.planning.texts import joined_text_files, joined_texts


# Local, since it takes seconds, less than the wait in a cluster's queue.
rule build_manifest:
    input:
        key=told(
            lambda wildcards: PROJECT.file(wildcards.dataset, "keys/manifest.json")
        ),
        texts=told(lambda wildcards: joined_text_files(PROJECT, wildcards.dataset)),
    output:
        parquet=DATASET / "manifest.parquet",
        csv=DATASET / "manifest.csv",
    log:
        DATASET / "logs/build_manifest.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        key=PROJECT.digest_of("manifest"),
        dataset=lambda wildcards: wildcards.dataset,
        classes=of_dataset("classes"),
        adapter=of_dataset("adapter"),
        # As functions of `output` these are no reason to run again: a dataset may be moved, and what
        # they make of its rows is in the key.
        options=lambda wildcards, output: manifest_options(
            PROJECT.datasets[wildcards.dataset]
        ),
        demo_root=lambda wildcards, output: RESULTS / wildcards.dataset / "demo_clips",
        seed=CONFIG["seed"],
        columns=COLUMNS,
        texts=lambda wildcards: joined_texts(PROJECT, wildcards.dataset),
    message:
        "build the manifest of {wildcards.dataset}"
    script:
        "../scripts/build_manifest.py"


# For the stages that produce texts: they read it instead of waiting for their own texts.
use rule build_manifest as build_own_manifest with:
    input:
        key=told(
            lambda wildcards: PROJECT.file(wildcards.dataset, "keys/manifest.json")
        ),
    output:
        parquet=DATASET / "manifest_own_texts.parquet",
    log:
        DATASET / "logs/build_own_manifest.log",
    benchmark:
        DATASET / "benchmarks/build_own_manifest.tsv"
    params:
        texts=[],
    message:
        "build the manifest of {wildcards.dataset} with its own texts"


# Real values to predict. They have their own key file: when one changes, only what reads targets runs
# again.
rule build_targets:
    input:
        key=told(lambda wildcards: PROJECT.file(wildcards.dataset, "keys/targets.json")),
    output:
        parquet=DATASET / "targets.parquet",
    log:
        DATASET / "logs/build_targets.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        key=PROJECT.digest_of("targets"),
    message:
        "build the table of targets of {wildcards.dataset}"
    script:
        "../scripts/build_targets.py"


# It has no output, so it runs whenever it is called: the folder may have changed.
rule check_dataset:
    """Say what `--config root=FOLDER` holds: which adapter fits, what is missing or unusable."""
    log:
        RESULTS / "logs/check_dataset.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        root=CONFIG["root"],
        text=RESULTS / "check_dataset" / f"{Path(CONFIG['root'] or 'none').name}.txt",
    message:
        "check the folder {params.root}"
    script:
        "../scripts/check_dataset.py"
