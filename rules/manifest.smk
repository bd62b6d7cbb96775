# Label files -> one table a dataset. The key file changes only when a row does.


rule build_manifest:
    input:
        key=RESULTS / "{dataset}" / "keys" / "manifest.json",
    output:
        parquet=RESULTS / "{dataset}" / "manifest.parquet",
        csv=RESULTS / "{dataset}" / "manifest.csv",
    log:
        RESULTS / "{dataset}" / "logs" / "build_manifest.log",
    params:
        dataset=lambda wildcards: wildcards.dataset,
        options=lambda wildcards: DATASETS[wildcards.dataset],
        demo_root=lambda wildcards: RESULTS / wildcards.dataset / "demo_clips",
        seed=CONFIG["seed"],
    message:
        "build the manifest of {wildcards.dataset}"
    conda:
        "../envs/features.yaml"
    script:
        "../scripts/build_manifest.py"
