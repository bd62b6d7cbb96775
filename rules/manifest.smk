# Label files -> one table a dataset. The key file changes only when a row does. `transcripts.join`
# puts what is said in the clips into the column `text`.


# Where Snakemake itself runs: it takes seconds, less than a cluster's queue.
rule build_manifest:
    input:
        key=lambda wildcards: planned(wildcards.dataset, "keys/manifest.json"),
        texts=joined_texts,
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
        options=lambda wildcards: DATASETS[wildcards.dataset],
        demo_root=lambda wildcards: RESULTS / wildcards.dataset / "demo_clips",
        seed=CONFIG["seed"],
        columns=COLUMNS,
        join=CONFIG["transcripts"]["join"],
    message:
        "build the manifest of {wildcards.dataset}"
    script:
        "../scripts/build_manifest.py"
