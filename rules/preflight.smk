# What the vision-language models need before any clip is tracked: their weights, and a GPU that
# holds them. `onstart` in the Snakefile checks the same before the first job.
from facewave.planning.weights import (
    check_files,
    checks_of,
    checks_wanted,
    preflight_files,
    shown_checks,
    trainings,
    weights_file,
    weights_wanted,
)

# Named by model and commit, so that another model's weights make another file.
FETCHED = RESULTS / "models/weights/{weights}.json"
WEIGHTS = weights_wanted(CONFIG)
CHECKS = checks_wanted(CONFIG)


# Local, since the nodes of a cluster often have no network access. The weights themselves go to the
# Hugging Face cache, which the nodes must see.
rule fetch_weights:
    output:
        fetched=FETCHED,
    log:
        RESULTS / "logs/fetch_weights/{weights}.log",
    priority: 100
    localrule: True
    conda:
        "../envs/vlm.yaml"
    # As a function of `output` it is no reason to run again: the file's name says it.
    params:
        model=lambda wildcards, output: WEIGHTS[wildcards.weights],
    message:
        "fetch the weights {wildcards.weights}"
    script:
        "../scripts/fetch_weights.py"


# No input of any training: a training of days must not run again because a check did.
rule check_gpu:
    input:
        weights=lambda wildcards: weights_file(RESULTS, CHECKS[wildcards.checked]),
    output:
        found=RESULTS / "models/gpu/{checked}.json",
    log:
        RESULTS / "logs/check_gpu/{checked}.log",
    benchmark:
        RESULTS / "benchmarks/check_gpu/{checked}.tsv"
    priority: 90
    conda:
        "../envs/vlm.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(10),
        gpu=lambda wildcards: CHECKS[wildcards.checked]["gpus"],
    params:
        request=lambda wildcards: CHECKS[wildcards.checked]
        | {"results": str(RESULTS), "trainings": trainings(PROJECT)},
    message:
        "check the GPU for {wildcards.checked}"
    script:
        "../scripts/check_gpu.py"


rule preflight:
    """Fetch weights and check licences, disk and GPU for the vision-language models, nothing else."""
    input:
        preflight_files(CONFIG),


wildcard_constraints:
    weights="[A-Za-z0-9_.-]+",
    checked="[A-Za-z0-9][A-Za-z0-9_.-]*",
