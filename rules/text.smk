# The MLP on the clips' texts, alone and with the face, and a probe of what the texts give away.
from facewave.planning.texts import text_fusion_options
from facewave.versions import TEXT_VERSION


rule fit_text_variant:
    input:
        train=DATASET / "splits/{split}/train.parquet",
        val=DATASET / "splits/{split}/val.parquet",
        test=DATASET / "splits/{split}/test.parquet",
    output:
        predictions=[
            DATASET / "text_fusion/{variant}/{split}" / name for name in SEED_FILES
        ],
    log:
        DATASET / "logs/fit_text_variant/{variant}/{split}.log",
    benchmark:
        DATASET / "benchmarks/fit_text_variant/{variant}/{split}.tsv"
    wildcard_constraints:
        variant="text|face_text",
    conda:
        "../envs/vlm.yaml"
        if CONFIG["text_fusion"]["kind"] == "embedding"
        else "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        options=told(lambda wildcards: class_options(CONFIG)),
        text=text_fusion_options(CONFIG),
        seeds=CONFIG["seeds"],
        versions=[MLP_VERSION, TEXT_VERSION],
    message:
        "train the MLP ({wildcards.variant}) on {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/fit_text_variant.py"


rule compare_text:
    input:
        manifest=DATASET / "manifest.parquet",
        face=of_seeds("mlp/{split}"),
        text=of_seeds("text_fusion/text/{split}"),
        face_text=of_seeds("text_fusion/face_text/{split}"),
    output:
        table=DATASET / "evaluation/text_fusion/{protocol}/text_fusion.csv",
        scores=DATASET / "evaluation/text_fusion/{protocol}/text_fusion.json",
    log:
        DATASET / "logs/compare_text/{protocol}.log",
    benchmark:
        DATASET / "benchmarks/compare_text/{protocol}.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        predictions=lambda wildcards: {
            "face": PROJECT.of_seeds(wildcards.dataset, "mlp/{split}"),
            "text": PROJECT.of_seeds(wildcards.dataset, "text_fusion/text/{split}"),
            "face_text": PROJECT.of_seeds(
                wildcards.dataset, "text_fusion/face_text/{split}"
            ),
        },
        classes=of_dataset("classes"),
        text=text_fusion_options(CONFIG),
        seed=CONFIG["seed"],
        version=TEXT_VERSION,
    message:
        "compare face and text on {wildcards.dataset}"
    script:
        "../scripts/compare_text.py"


rule text_fusion:
    """Train the MLP on the clips' texts, alone and with the face, and compare."""
    input:
        refused("text_fusion"),
        of_datasets("evaluation/text_fusion/{protocol}/text_fusion.json"),
