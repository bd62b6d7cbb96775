# Asked for by hand: aligned pictures of each clip's face, from the trajectories already made.
from facewave.versions import FACE_CROP_VERSION


rule crop_faces:
    input:
        key=DATASET / "keys/tracks/{bucket}.tsv",
        tracks=DATASET / "tracks/{bucket}.tsv",
        rendered=demo_files_of_bucket,
    output:
        index=DATASET / "face_crops/{bucket}.tsv",
    log:
        DATASET / "logs/crop_faces/{bucket}.log",
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    params:
        folder=lambda wildcards: RESULTS
        / wildcards.dataset
        / "face_crops"
        / wildcards.bucket,
        store=STORE,
        options=CONFIG["face_crops"],
        default_fps=CONFIG["landmarker"]["default_fps"],
        version=FACE_CROP_VERSION,
    message:
        "crop the faces of {wildcards.dataset}, bucket {wildcards.bucket}"
    script:
        "../scripts/crop_faces.py"


rule face_crops:
    input:
        of_datasets("face_crops/{bucket}.tsv"),
