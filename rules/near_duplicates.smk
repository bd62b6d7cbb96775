# Asked for by hand: clips of different datasets that show the same pictures.
from facewave.versions import FRAME_HASH_VERSION


rule hash_frames:
    input:
        key=DATASET / "keys/tracks/{bucket}.tsv",
        rendered=demo_files_of_bucket,
    output:
        table=DATASET / "frame_hashes/{bucket}.tsv",
    log:
        DATASET / "logs/hash_frames/{bucket}.log",
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        frames=CONFIG["near_duplicates"]["frames"],
        default_fps=CONFIG["landmarker"]["default_fps"],
        version=FRAME_HASH_VERSION,
    message:
        "hash frames of {wildcards.dataset}, bucket {wildcards.bucket}"
    script:
        "../scripts/hash_frames.py"


rule near_duplicates:
    input:
        manifests=[RESULTS / name / "manifest_own_texts.parquet" for name in HASHES],
        hashes=[path for tables in HASHES.values() for path in tables],
    output:
        table=PAIRS,
    log:
        RESULTS / "logs/near_duplicates.log",
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        datasets=list(HASHES),
        counts=[len(tables) for tables in HASHES.values()],
        min_frames=CONFIG["near_duplicates"]["min_frames"],
        max_distance=CONFIG["near_duplicates"]["max_distance"],
    message:
        "compare the clips of {params.datasets}"
    script:
        "../scripts/find_near_duplicates.py"
