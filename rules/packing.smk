# A dataset's trajectories as one archive, without pictures, for `adapter: packed`.
from facewave.versions import PACK_VERSION


rule pack_dataset:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        parts=lambda wildcards: [
            PROJECT.results / wildcards.dataset / "splits" / split / f"{part}.parquet"
            for split in PROJECT.split_folders(wildcards.dataset)
            for part in PARTS
        ],
    output:
        pack=DATASET / "pack.zip",
    log:
        DATASET / "logs/pack_dataset.log",
    benchmark:
        DATASET / "benchmarks/pack_dataset.tsv"
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        store=STORE,
        options=CONFIG["pack"],
        classes=of_dataset("classes"),
        folds=lambda wildcards: PROJECT.split_folders(wildcards.dataset),
        version=PACK_VERSION,
    message:
        "pack the trajectories of {wildcards.dataset}"
    script:
        "../scripts/pack_dataset.py"


rule pack:
    """Write each dataset's trajectories, manifest and splits as one archive to share."""
    input:
        of_datasets("pack.zip"),
