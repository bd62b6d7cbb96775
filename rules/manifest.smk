# Label files -> one table per dataset. The key file changes only when a row does. A dataset's `texts`
# puts the texts of other tables into the column `text`; its `targets` go into a table of their own.


# Where Snakemake itself runs: it takes seconds, less than a cluster's queue.
rule build_manifest:
    input:
        key=lambda wildcards: planned(wildcards.dataset, "keys/manifest.json"),
        texts=joined_text_files,
    output:
        parquet=DATASET / "manifest.parquet",
        csv=DATASET / "manifest.csv",
    log:
        DATASET / "logs/build_manifest.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        dataset=lambda wildcards: wildcards.dataset,
        options=lambda wildcards: manifest_options(DATASETS[wildcards.dataset]),
        demo_root=lambda wildcards: RESULTS / wildcards.dataset / "demo_clips",
        seed=CONFIG["seed"],
        columns=COLUMNS,
        texts=joined_texts,
    message:
        "build the manifest of {wildcards.dataset}"
    script:
        "../scripts/build_manifest.py"


# What texts are made of: nothing that reads it waits for these texts.
use rule build_manifest as build_own_manifest with:
    input:
        key=lambda wildcards: planned(wildcards.dataset, "keys/manifest.json"),
    output:
        parquet=DATASET / "manifest_own_texts.parquet",
    log:
        DATASET / "logs/build_own_manifest.log",
    params:
        texts=[],
    message:
        "build the manifest of {wildcards.dataset} with its own texts"


# Real values to predict. The key file holds them: what reads no targets does not run again when one changes.
rule build_targets:
    input:
        key=lambda wildcards: planned(wildcards.dataset, "keys/targets.json"),
    output:
        parquet=DATASET / "targets.parquet",
    log:
        DATASET / "logs/build_targets.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    message:
        "build the table of targets of {wildcards.dataset}"
    script:
        "../scripts/build_targets.py"
