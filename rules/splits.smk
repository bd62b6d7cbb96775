# Features and labels -> one Parquet file a part, a folder a fold where the protocol has folds.
from facewave.partition import PARTS


rule build_splits:
    input:
        manifest=RESULTS / "{dataset}" / "manifest.parquet",
        features=bucket_files("features"),
    output:
        **{
            part: RESULTS / "{dataset}" / "splits" / "{split}" / f"{part}.parquet"
            for part in PARTS
        },
    log:
        RESULTS / "{dataset}" / "logs" / "build_splits" / "{split}.log",
    resources:
        mem_mb=1000,
    params:
        store=STORE,
        features=STAGE_OPTIONS["features"],
        tracks=STAGE_OPTIONS["tracks"],
        classes=lambda wildcards: DATASETS[wildcards.dataset]["classes"],
        split=CONFIG["split"],
        fold=lambda wildcards: wildcards.split.partition("/")[2] or None,
        seed=CONFIG["seed"],
    message:
        "split {wildcards.dataset} by {wildcards.split}"
    conda:
        "../envs/features.yaml"
    script:
        "../scripts/build_splits.py"


rule splits:
    input:
        [
            path
            for part in PARTS
            for path in of_datasets("{dataset}/splits/{split}/" + f"{part}.parquet")
        ],


# The older form: an array of dicts for those who read .npy.
rule write_npy:
    input:
        split=RESULTS / "{dataset}" / "splits" / "{split}" / "{part}.parquet",
    output:
        npy=RESULTS / "{dataset}" / "export" / "{split}" / "{part}.npy",
    log:
        RESULTS / "{dataset}" / "logs" / "write_npy" / "{split}" / "{part}.log",
    message:
        "write {output.npy}"
    conda:
        "../envs/features.yaml"
    script:
        "../scripts/write_npy.py"


rule export_npy:
    input:
        [
            path
            for part in PARTS
            for path in of_datasets("{dataset}/export/{split}/" + f"{part}.npy")
        ],
