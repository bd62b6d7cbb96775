# Clips -> landmark trajectories, a job a bucket. The key file says which clips, and what of them
# changed; the trajectories lie in the content-addressed store, the output is the bucket's index.


rule track_faces:
    input:
        key=DATASET / "keys/tracks/{bucket}.tsv",
        model=LANDMARKER_MODEL,
        rendered=demo_files_of_bucket,
    output:
        index=DATASET / "tracks/{bucket}.tsv",
    log:
        DATASET / "logs/track_faces/{bucket}.log",
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        store=STORE,
        options=STAGE_OPTIONS["tracks"],
        stall_seconds=CONFIG["landmarker"]["stall_seconds"],
    message:
        "track the faces of {wildcards.dataset}, bucket {wildcards.bucket}"
    script:
        "../scripts/track_faces.py"
