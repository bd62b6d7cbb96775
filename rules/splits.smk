# Features and labels -> one Parquet file a part, a folder a fold where the protocol has folds.


rule build_splits:
    input:
        manifest=DATASET / "manifest.parquet",
        tracks=of_buckets("tracks"),
        features=of_buckets("features"),
    output:
        train=DATASET / "splits/{split}/train.parquet",
        val=DATASET / "splits/{split}/val.parquet",
        test=DATASET / "splits/{split}/test.parquet",
    log:
        DATASET / "logs/build_splits/{split}.log",
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        store=STORE,
        features=STAGE_OPTIONS["features"],
        tracks=STAGE_OPTIONS["tracks"],
        classes=lambda wildcards: DATASETS[wildcards.dataset]["classes"],
        split=CONFIG["split"],
        fold=lambda wildcards: wildcards.split.partition("/")[2] or None,
        seed=CONFIG["seed"],
        version=SPLIT_VERSION,
    message:
        "split {wildcards.dataset} by {wildcards.split}"
    script:
        "../scripts/build_splits.py"


rule splits:
    input:
        of_datasets("splits/{split}/{part}.parquet", part=PARTS),


# The older form: an array of dicts for those who read .npy.
rule write_npy:
    input:
        split=DATASET / "splits/{split}/{part}.parquet",
    output:
        npy=DATASET / "export/{split}/{part}.npy",
    log:
        DATASET / "logs/write_npy/{split}/{part}.log",
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    message:
        "write {output.npy}"
    script:
        "../scripts/write_npy.py"


rule export_npy:
    input:
        of_datasets("export/{split}/{part}.npy", part=PARTS),
