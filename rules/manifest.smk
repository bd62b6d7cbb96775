# Label files -> one table per dataset. The key file changes only when a row does. A dataset's `texts`
# puts the texts of other tables into the column `text`; its `targets` have a key of their own.
from facewave.datasets.texts import without_targets, without_texts
from facewave.manifest.clips import COLUMNS
from facewave.planning.texts import joined_text_files, joined_texts


# Where Snakemake itself runs: it takes seconds, less than a cluster's queue.
rule build_manifest:
    input:
        key=told(
            lambda wildcards: PROJECT.file(wildcards.dataset, "keys/manifest.json")
        ),
        texts=told(lambda wildcards: joined_text_files(PROJECT, wildcards.dataset)),
        targets_key=lambda wildcards: (
            PROJECT.file(wildcards.dataset, "keys/targets.json")
            if PROJECT.plans[wildcards.dataset].targets
            else []
        ),
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
        options=lambda wildcards: without_texts(PROJECT.datasets[wildcards.dataset]),
        demo_root=lambda wildcards: RESULTS / wildcards.dataset / "demo_clips",
        seed=CONFIG["seed"],
        columns=COLUMNS,
        texts=lambda wildcards: joined_texts(PROJECT, wildcards.dataset),
    message:
        "build the manifest of {wildcards.dataset}"
    script:
        "../scripts/build_manifest.py"


# What reads no targets does not wait for them, nor run again when one changes.
rule build_manifest_without_targets:
    input:
        key=told(
            lambda wildcards: PROJECT.file(wildcards.dataset, "keys/manifest.json")
        ),
        texts=told(lambda wildcards: joined_text_files(PROJECT, wildcards.dataset)),
    output:
        parquet=DATASET / "manifest_without_targets.parquet",
    log:
        DATASET / "logs/build_manifest_without_targets.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        dataset=lambda wildcards: wildcards.dataset,
        options=lambda wildcards: without_targets(PROJECT.datasets[wildcards.dataset]),
        demo_root=lambda wildcards: RESULTS / wildcards.dataset / "demo_clips",
        seed=CONFIG["seed"],
        columns=COLUMNS,
        texts=lambda wildcards: joined_texts(PROJECT, wildcards.dataset),
    message:
        "build the manifest of {wildcards.dataset} without targets"
    script:
        "../scripts/build_manifest.py"


# What texts are made of: nothing that reads it waits for these texts.
rule build_own_manifest:
    input:
        key=told(
            lambda wildcards: PROJECT.file(wildcards.dataset, "keys/manifest.json")
        ),
    output:
        parquet=DATASET / "manifest_own_texts.parquet",
    log:
        DATASET / "logs/build_own_manifest.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        dataset=lambda wildcards: wildcards.dataset,
        options=lambda wildcards: without_targets(PROJECT.datasets[wildcards.dataset]),
        demo_root=lambda wildcards: RESULTS / wildcards.dataset / "demo_clips",
        seed=CONFIG["seed"],
        columns=COLUMNS,
    message:
        "build the manifest of {wildcards.dataset} with its own texts"
    script:
        "../scripts/build_manifest.py"


# Without an output, so that it runs whenever it is called: the folder may have changed.
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
        "look at {params.root}"
    script:
        "../scripts/check_dataset.py"
