# Clips -> landmark trajectories, a job a bucket. The key file says which clips, and what of them
# changed; the trajectories lie in the content-addressed store, the output is the bucket's index.


rule track_faces:
    input:
        key=RESULTS / "{dataset}" / "keys" / "tracks" / "{bucket}.tsv",
        model=ancient(RESULTS / "models" / "face_landmarker.task"),
        rendered=rendered_clips,
    output:
        index=RESULTS / "{dataset}" / "tracks" / "{bucket}.tsv",
    log:
        RESULTS / "{dataset}" / "logs" / "track_faces" / "{bucket}.log",
    threads: 1
    resources:
        mem_mb=600,
    params:
        store=STORE,
        options=STAGE_OPTIONS["tracks"],
    message:
        "track the faces of {wildcards.dataset}, bucket {wildcards.bucket}"
    conda:
        "../envs/features.yaml"
    script:
        "../scripts/track_faces.py"
