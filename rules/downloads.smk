# Open datasets from their official address. The clips are planned from the list of the release, and
# the jobs that read them wait for the marker. The clips are no outputs: Snakemake never removes them.
from facewave.planning.downloads import download_targets, wanting_download

DOWNLOADED = {
    part: given
    for name, options in PROJECT.datasets.items()
    for part, given in wanting_download(name, options, seed=CONFIG["seed"])
}


# Local, since the nodes of a cluster often have no network access, and it prints the licence.
rule download_dataset:
    output:
        marker=DATASET / "download.json",
    log:
        DATASET / "logs/download_dataset.log",
    benchmark:
        DATASET / "benchmarks/download_dataset.tsv"
    localrule: True
    conda:
        "../envs/features.yaml"
    # As a function of `output` it is no reason to run again: the files have fixed checksums.
    params:
        options=lambda wildcards, output: DOWNLOADED[wildcards.dataset],
    message:
        "download what is missing of {wildcards.dataset}"
    script:
        "../scripts/download_dataset.py"


rule download:
    """Download the open datasets that have `download` set, and nothing else."""
    input:
        told(lambda wildcards: download_targets(CONFIG, PROJECT.datasets)),
