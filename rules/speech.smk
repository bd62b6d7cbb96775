# Transcripts of the clips: made on request, or for a dataset's `texts`.
from facewave.planning.texts import transcript_memory, transcript_options
from facewave.versions import TRANSCRIPT_VERSION


rule transcribe_clips:
    input:
        key=rules.track_faces.input.key,
        rendered=rendered_files,
    output:
        index=DATASET / "transcripts/{bucket}.tsv",
    log:
        DATASET / "logs/transcribe_clips/{bucket}.log",
    benchmark:
        DATASET / "benchmarks/transcribe_clips/{bucket}.tsv"
    conda:
        "../envs/speech.yaml"
    threads: CONFIG["transcripts"]["threads"]
    resources:
        mem_mb=growing(transcript_memory(CONFIG)),
        runtime=growing(60),
        gpu=CONFIG["transcripts"]["gpus"],
    params:
        key=PROJECT.digest_of("tracks/{bucket}"),
        store=STORE,
        options=transcript_options(CONFIG),
        silence_dbfs=CONFIG["transcripts"]["silence_dbfs"],
        default_fps=CONFIG["landmarker"]["default_fps"],
        video=CONFIG["video"],
        version=TRANSCRIPT_VERSION,
    message:
        "transcribe {wildcards.dataset}, bucket {wildcards.bucket}"
    script:
        "../scripts/transcribe_clips.py"


rule write_transcripts:
    input:
        manifest=DATASET / "manifest_own_texts.parquet",
        indexes=of_buckets("transcripts"),
    output:
        parquet=DATASET / "transcripts.parquet",
        csv=DATASET / "transcripts.csv",
        summary=DATASET / "transcripts.json",
    log:
        DATASET / "logs/write_transcripts.log",
    benchmark:
        DATASET / "benchmarks/write_transcripts.tsv"
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        text_is_speech=CONFIG["transcripts"]["text_is_speech"],
        version=TRANSCRIPT_VERSION,
    message:
        "gather the transcripts of {wildcards.dataset}"
    script:
        "../scripts/write_transcripts.py"


rule transcribe:
    """Write what is said in the clips as text."""
    input:
        of_datasets("transcripts.parquet"),
