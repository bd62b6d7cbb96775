# Trajectories -> wavelet codes, one job per bucket; codes go to the store, the output is the index.
# And what they say about the clips: a table and a page.
from facewave.versions import REPORT_VERSION


rule encode_features:
    input:
        key=told(
            lambda wildcards: PROJECT.file(wildcards.dataset, "keys/features.json")
        ),
        tracks=DATASET / "tracks/{bucket}.tsv",
    output:
        index=DATASET / "features/{bucket}.tsv",
    log:
        DATASET / "logs/encode_features/{bucket}.log",
    benchmark:
        DATASET / "benchmarks/encode_features/{bucket}.tsv"
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        store=STORE,
        options=STAGE_OPTIONS["features"],
    message:
        "encode the features of {wildcards.dataset}, bucket {wildcards.bucket}"
    script:
        "../scripts/encode_features.py"


# Local, since it prints at the end how many clips are valid.
rule list_quality:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        features=of_buckets("features"),
    output:
        table=DATASET / "quality.csv",
    log:
        DATASET / "logs/list_quality.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        version=REPORT_VERSION,
    message:
        "list the quality of {wildcards.dataset}"
    script:
        "../scripts/list_quality.py"


rule features:
    """Track the faces of all clips and encode their trajectories."""
    input:
        of_datasets("manifest.parquet"),
        PROJECT.target_tables(),
        of_datasets("features/{bucket}.tsv"),
        of_datasets("quality.csv"),


rule write_quality:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        features=of_buckets("features"),
    output:
        html=DATASET / "quality.html",
    log:
        DATASET / "logs/write_quality.log",
    benchmark:
        DATASET / "benchmarks/write_quality.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        options=CONFIG["quality"],
        store=STORE,
        thumbnails=CONFIG["report"]["review_thumbnails"],
        version=REPORT_VERSION,
    message:
        "write the page about the quality of {wildcards.dataset}"
    script:
        "../scripts/write_quality.py"


rule quality:
    """Say which clips are valid and why others are not, without any training: a table and a page each."""
    input:
        of_datasets("quality.csv"),
        of_datasets("quality.html"),
