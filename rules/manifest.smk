# Label files -> one table a dataset. The key file changes only when a row does. A dataset's `texts`
# puts the texts of other tables into the column `text`; its `targets` have a key of their own.


# Where Snakemake itself runs: it takes seconds, less than a cluster's queue.
rule build_manifest:
    input:
        key=lambda wildcards: planned(wildcards.dataset, "keys/manifest.json"),
        texts=joined_text_files,
        targets_key=targets_key,
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
        options=lambda wildcards: without_texts(DATASETS[wildcards.dataset]),
        demo_root=lambda wildcards: RESULTS / wildcards.dataset / "demo_clips",
        seed=CONFIG["seed"],
        columns=COLUMNS,
        texts=joined_texts,
    message:
        "build the manifest of {wildcards.dataset}"
    script:
        "../scripts/build_manifest.py"


# What reads no targets does not wait for them, nor run again when one changes.
rule build_manifest_without_targets:
    input:
        key=lambda wildcards: planned(wildcards.dataset, "keys/manifest.json"),
        texts=joined_text_files,
    output:
        parquet=DATASET / "manifest_without_targets.parquet",
    log:
        DATASET / "logs/build_manifest_without_targets.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        dataset=lambda wildcards: wildcards.dataset,
        options=lambda wildcards: without_targets(DATASETS[wildcards.dataset]),
        demo_root=lambda wildcards: RESULTS / wildcards.dataset / "demo_clips",
        seed=CONFIG["seed"],
        columns=COLUMNS,
        texts=joined_texts,
    message:
        "build the manifest of {wildcards.dataset} without targets"
    script:
        "../scripts/build_manifest.py"


# What texts are made of: nothing that reads it waits for these texts.
rule build_own_manifest:
    input:
        key=lambda wildcards: planned(wildcards.dataset, "keys/manifest.json"),
    output:
        parquet=DATASET / "manifest_own_texts.parquet",
    log:
        DATASET / "logs/build_own_manifest.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        dataset=lambda wildcards: wildcards.dataset,
        options=lambda wildcards: without_targets(DATASETS[wildcards.dataset]),
        demo_root=lambda wildcards: RESULTS / wildcards.dataset / "demo_clips",
        seed=CONFIG["seed"],
        columns=COLUMNS,
    message:
        "build the manifest of {wildcards.dataset} with its own texts"
    script:
        "../scripts/build_manifest.py"
