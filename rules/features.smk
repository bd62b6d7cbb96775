# Trajectories -> wavelet codes, a job a bucket; codes lie in the store, the output is the index.


rule encode_features:
    input:
        key=RESULTS / "{dataset}" / "keys" / "features.json",
        clips=RESULTS / "{dataset}" / "keys" / "tracks" / "{bucket}.tsv",
        tracks=RESULTS / "{dataset}" / "tracks" / "{bucket}.tsv",
        model=ancient(RESULTS / "models" / "face_landmarker.task"),
    output:
        index=RESULTS / "{dataset}" / "features" / "{bucket}.tsv",
    log:
        RESULTS / "{dataset}" / "logs" / "encode_features" / "{bucket}.log",
    threads: 1
    resources:
        mem_mb=400,
    params:
        store=STORE,
        options=STAGE_OPTIONS["features"],
        track_options=STAGE_OPTIONS["tracks"],
    message:
        "encode the features of {wildcards.dataset}, bucket {wildcards.bucket}"
    conda:
        "../envs/features.yaml"
    script:
        "../scripts/encode_features.py"


rule features:
    input:
        [
            f"{RESULTS}/{dataset}/features/{bucket}.tsv"
            for dataset, plan in PLANS.items()
            for bucket in plan.buckets
        ],
        of_datasets("{dataset}/manifest.parquet"),
