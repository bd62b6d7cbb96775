# All results -> one self-contained page per dataset.
from facewave.planning.project import code_commit
from facewave.planning.ablation import flat
from facewave.planning.vlm import (
    ablations_in_report,
    compared_models,
    files_of,
    shown_files,
    toy_sections,
)
from facewave.versions import REPORT_VERSION

# Made on request only; from then on shown and kept up to date.
IMPORTANCE = [f"explanation/{PROTOCOL}/importance.{kind}" for kind in ("json", "png")]
VARIANT_SCORES = "ablation/ablation.json"
TEXT_FUSION = f"evaluation/text_fusion/{PROTOCOL}/text_fusion.json"
COMPARED = [LOOK_ALIKES] if len(HASHES) > 1 and LOOK_ALIKES.exists() else []
PAGE = "report_values.html" if VALUES else "report.html"
TOY_SECTIONS = toy_sections(VLM_SECTIONS)
# What a page shows of the dataset and of the MLP, whatever models stand beside them.
SHOWN = dict(
    manifest=DATASET / "manifest.parquet",
    tracks=of_buckets("tracks"),
    features=of_buckets("features"),
    quality=DATASET / "quality.csv",
    train=of_folds("splits/{split}/train.parquet"),
    val=of_folds("splits/{split}/val.parquet"),
    test=of_folds("splits/{split}/test.parquet"),
    training=of_folds("mlp/{split}/metrics.csv"),
    answers=of_folds("mlp/{split}/predictions.parquet"),
    metrics=DATASET / "evaluation/mlp" / PROTOCOL / "metrics.json",
    clip_table=DATASET / "evaluation/mlp" / PROTOCOL / "predictions.csv",
    near_duplicates=COMPARED,
    confused_clips=DATASET / "evaluation/mlp" / PROTOCOL / "confused_clips.csv",
    confused_classes=DATASET / "evaluation/mlp" / PROTOCOL / "confused_classes.csv",
    explanation=lambda wildcards: PROJECT.existing(wildcards.dataset, *IMPORTANCE),
    text_fusion=lambda wildcards: PROJECT.existing(wildcards.dataset, TEXT_FUSION),
)


# The models of a report against the MLP, on the same clips.
use rule compare_variants as compare_models with:
    input:
        manifest=DATASET / "manifest.parquet",
        predictions=lambda wildcards: flat(
            compared_models(CONFIG, PROJECT, wildcards.dataset)
        ),
    output:
        table=DATASET / "evaluation/models/{protocol}/models.csv",
        scores=DATASET / "evaluation/models/{protocol}/models.json",
        figure=DATASET / "evaluation/models/{protocol}/models.svg",
    log:
        DATASET / "logs/compare_models/{protocol}.log",
    benchmark:
        DATASET / "benchmarks/compare_models/{protocol}.tsv"
    params:
        predictions=lambda wildcards: compared_models(
            CONFIG, PROJECT, wildcards.dataset
        ),
        reference="MLP",
    message:
        "compare the models on {wildcards.dataset}"


rule write_report:
    input:
        **SHOWN,
        models=lambda wildcards: files_of(
            shown_files(CONFIG, PROJECT, wildcards.dataset)
        ),
        comparison=DATASET / "evaluation/models" / PROTOCOL / "models.json",
        ablations=lambda wildcards: list(
            ablations_in_report(CONFIG, PROJECT, wildcards.dataset).values()
        ),
    output:
        html=report(
            DATASET / "report.html",
            caption="../docs/captions/report.rst",
            category="Report",
            labels={"dataset": "{dataset}"},
        ),
        subgroups=DATASET / "evaluation/mlp" / PROTOCOL / "subgroups.csv",
    log:
        DATASET / "logs/write_report.log",
    benchmark:
        DATASET / "benchmarks/write_report.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        dataset=lambda wildcards: wildcards.dataset,
        folds=lambda wildcards: PROJECT.fold_names(wildcards.dataset),
        store=STORE,
        models=lambda wildcards: shown_files(CONFIG, PROJECT, wildcards.dataset),
        ablations=lambda wildcards: ablations_in_report(
            CONFIG, PROJECT, wildcards.dataset
        ),
        config=CONFIG,
        commit=lambda wildcards: code_commit(Path(ROOT)),
        version=REPORT_VERSION,
        compared=list(HASHES) if COMPARED else [],
        # No input: with other variants in the configuration it would be made again, of these.
        variants=lambda wildcards: PROJECT.as_found(wildcards.dataset, VARIANT_SCORES),
    message:
        "write the report of {wildcards.dataset}"
    script:
        "../scripts/write_report.py"


# The same page with the toys of `demo_vlm` beside the MLP.
use rule compare_models as compare_toys with:
    input:
        manifest=DATASET / "manifest.parquet",
        predictions=lambda wildcards: flat(
            compared_models(CONFIG, PROJECT, wildcards.dataset, sections=TOY_SECTIONS)
        ),
    output:
        table=DATASET / "evaluation/toys/{protocol}/models.csv",
        scores=DATASET / "evaluation/toys/{protocol}/models.json",
        figure=DATASET / "evaluation/toys/{protocol}/models.svg",
    log:
        DATASET / "logs/compare_toys/{protocol}.log",
    benchmark:
        DATASET / "benchmarks/compare_toys/{protocol}.tsv"
    params:
        predictions=lambda wildcards: compared_models(
            CONFIG, PROJECT, wildcards.dataset, sections=TOY_SECTIONS
        ),
    message:
        "compare the toy models on {wildcards.dataset}"


use rule write_report as write_toy_report with:
    input:
        **SHOWN,
        models=lambda wildcards: files_of(
            shown_files(CONFIG, PROJECT, wildcards.dataset, sections=TOY_SECTIONS)
        ),
        comparison=DATASET / "evaluation/toys" / PROTOCOL / "models.json",
        ablations=[],
    output:
        html=DATASET / "report_vlm.html",
        subgroups=DATASET / "evaluation/toys" / PROTOCOL / "subgroups.csv",
    log:
        DATASET / "logs/write_toy_report.log",
    benchmark:
        DATASET / "benchmarks/write_toy_report.tsv"
    params:
        models=lambda wildcards: shown_files(
            CONFIG, PROJECT, wildcards.dataset, sections=TOY_SECTIONS
        ),
        ablations={},
    message:
        "write the report of {wildcards.dataset} with toy models"


rule report:
    """Write the report of every enabled dataset: one HTML page each."""
    input:
        shown_checks(CONFIG),
        of_datasets(PAGE),


SCORED = (
    [] if VALUES else [SHOWN[name] for name in ("quality", "metrics", "clip_table")]
)


rule write_ro_crate:
    input:
        snakefile=f"{ROOT}/Snakefile",
        page=DATASET / PAGE,
        manifest=DATASET / "manifest.parquet",
        train=SHOWN["train"],
        val=SHOWN["val"],
        test=SHOWN["test"],
        scored=SCORED,
        training=[] if VALUES else SHOWN["training"],
        answers=[] if VALUES else SHOWN["answers"],
    output:
        metadata=DATASET / "ro-crate-metadata.json",
        workflow=DATASET / "ro-crate/Snakefile",
        config=DATASET / "ro-crate/config.yaml",
    log:
        DATASET / "logs/write_ro_crate.log",
    benchmark:
        DATASET / "benchmarks/write_ro_crate.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        dataset=lambda wildcards: wildcards.dataset,
        folds=lambda wildcards: PROJECT.fold_names(wildcards.dataset),
        config=CONFIG,
        commit=lambda wildcards: code_commit(Path(ROOT)),
    message:
        "describe the results of {wildcards.dataset} as an RO-Crate"
    script:
        "../scripts/write_ro_crate.py"


rule ro_crate:
    """Describe the report of every enabled dataset, and what it was made from, as an RO-Crate."""
    input:
        shown_checks(CONFIG),
        of_datasets("ro-crate-metadata.json"),
