# Descriptions of all clips of a dataset, following examples from another one, and their checks.
from facewave.planning.vlm import annotated_dataset, annotation_examples, gpus
from facewave.storage.key_index import ANSWERS, key_index
from facewave.versions import ANNOTATION_VERSION
from facewave.vlm.plan import annotation_params


rule write_annotations:
    input:
        unpack(lambda wildcards: annotation_examples(CONFIG, PROJECT)),
        manifest=DATASET / "manifest_own_texts.parquet",
        tracks=of_buckets("tracks"),
        rendered=rendered_files,
        weights=weights_file(RESULTS, CONFIG["annotate"]),
    output:
        parquet=DATASET / "annotations/annotations.parquet",
        csv=DATASET / "annotations/annotations.csv",
        examples=DATASET / "annotations/examples.csv",
    log:
        DATASET / "logs/write_annotations.log",
    benchmark:
        DATASET / "benchmarks/write_annotations.tsv"
    conda:
        "../envs/vlm.yaml"
    threads: CONFIG["annotate"]["threads"]
    resources:
        mem_mb=growing(24000),
        runtime=growing(480),
        gpu=gpus(CONFIG["annotate"], CONFIG["annotate"]),
    params:
        target=lambda wildcards: wildcards.dataset,
        classes=of_dataset("classes"),
        examples=CONFIG["annotate"]["examples"],
        example_classes=PROJECT.datasets.get(CONFIG["annotate"]["examples"], {}).get(
            "classes", []
        ),
        options=annotation_params(CONFIG["annotate"]),
        gpus=lambda wildcards, output: gpus(CONFIG["annotate"], CONFIG["annotate"]),
        index=lambda wildcards: key_index(
            RESULTS / wildcards.dataset, ANSWERS, "annotations"
        ),
        video=lambda wildcards, output: CONFIG["video"],
        default_fps=CONFIG["landmarker"]["default_fps"],
        store=STORE,
        seed=CONFIG["seed"],
        version=ANNOTATION_VERSION,
    message:
        "describe the clips of {wildcards.dataset}"
    script:
        "../scripts/write_annotations.py"


rule check_annotations:
    input:
        annotations=DATASET / "annotations/annotations.parquet",
        manifest=DATASET / "manifest_own_texts.parquet",
    output:
        checks=DATASET / "annotations/checks.json",
    log:
        DATASET / "logs/check_annotations.log",
    benchmark:
        DATASET / "benchmarks/check_annotations.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        classes=of_dataset("classes"),
        options=annotation_params(CONFIG["annotate"]),
        seed=CONFIG["seed"],
        version=ANNOTATION_VERSION,
    message:
        "check the descriptions of {wildcards.dataset}"
    script:
        "../scripts/check_annotations.py"


rule annotate:
    """Describe the clips of `annotate.dataset` in words, following examples from another dataset."""
    input:
        check_files(CONFIG, ["annotate"]),
        told(
            lambda wildcards: RESULTS
            / annotated_dataset(CONFIG)
            / "annotations/checks.json"
        ),
