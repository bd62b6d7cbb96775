# Trajectories -> wavelet codes, one job per bucket; codes go to the store, the output is the index.


rule encode_features:
    input:
        key=DATASET / "keys/features.json",
        tracks=DATASET / "tracks/{bucket}.tsv",
    output:
        index=DATASET / "features/{bucket}.tsv",
    log:
        DATASET / "logs/encode_features/{bucket}.log",
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


rule features:
    """Track the faces of all clips and encode their trajectories."""
    input:
        of_datasets("manifest.parquet"),
        PROJECT.target_tables(),
        of_datasets("features/{bucket}.tsv"),
