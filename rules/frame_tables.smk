# Trajectories -> one table per clip with a row per frame, for other programs. Tables bear the names
# of their clips and lie in one folder; the output of a job is its bucket's index.
from facewave.versions import FRAME_TABLE_VERSION


rule write_frames:
    input:
        tracks=DATASET / "tracks/{bucket}.tsv",
    output:
        index=DATASET / "frames/{bucket}.tsv",
    log:
        DATASET / "logs/write_frames/{bucket}.log",
    benchmark:
        DATASET / "benchmarks/write_frames/{bucket}.tsv"
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    params:
        folder=lambda wildcards: RESULTS / wildcards.dataset / "frames",
        store=STORE,
        options=CONFIG["export_frames"],
        version=FRAME_TABLE_VERSION,
    message:
        "write the frames of {wildcards.dataset}, bucket {wildcards.bucket}"
    script:
        "../scripts/write_frames.py"


# Local, since it takes a moment and prints at the end where the tables are.
rule list_frames:
    input:
        indexes=of_buckets("frames"),
    output:
        table=DATASET / "frames.csv",
    log:
        DATASET / "logs/list_frames.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        folder=lambda wildcards: RESULTS / wildcards.dataset / "frames",
    message:
        "list the tables of frames of {wildcards.dataset}"
    script:
        "../scripts/list_frames.py"


rule export_frames:
    """Write every frame of each clip as a table: time, pose, blendshapes, eyes, blinks, points."""
    input:
        of_datasets("frames.csv"),
