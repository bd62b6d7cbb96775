# The content-addressed store, whether all results are whole, and what they cost. Rules without output
# run whenever they are called; all are local, since they print something for a person or read little.


rule prune_store:
    """Say which shards nothing needs, and remove them with `--config prune=apply`."""
    log:
        RESULTS / "logs/prune_store.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        results=RESULTS,
        store=STORE,
        apply=CONFIG["prune"] == "apply",
    message:
        "look for shards that nothing needs"
    script:
        "../scripts/prune_store.py"


rule verify_store:
    """Read every shard and put damaged ones aside; `--config verify_part=1/30` reads a part."""
    log:
        RESULTS / "logs/verify_store.log",
    localrule: True
    conda:
        "../envs/training.yaml"
    params:
        results=RESULTS,
        store=STORE,
        part=CONFIG["verify_part"],
        report=RESULTS / "verify_store.json",
    message:
        "read the shards of the store"
    script:
        "../scripts/verify_store.py"


rule verify_results:
    """Read every index, table, checkpoint and prediction outside the store; name damaged ones."""
    log:
        RESULTS / "logs/verify_results.log",
    localrule: True
    conda:
        "../envs/training.yaml"
    params:
        results=RESULTS,
        report=RESULTS / "verify_results.json",
    message:
        "read the results outside the store"
    script:
        "../scripts/verify_results.py"


rule store_info:
    """Say what the store holds: by dataset, stage, options and age, and what nothing needs."""
    log:
        RESULTS / "logs/store_info.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        results=RESULTS,
        store=STORE,
        report=RESULTS / "store_info.json",
    message:
        "look through the store"
    script:
        "../scripts/store_info.py"


rule timings:
    """Write a page of the time and memory that each rule's jobs took: results/timings.html."""
    output:
        html=report(
            RESULTS / "timings.html",
            caption="../docs/captions/timings.rst",
            category="Time and memory",
        ),
        table=RESULTS / "timings.csv",
    log:
        RESULTS / "logs/timings.log",
    localrule: True
    conda:
        "../envs/training.yaml"
    params:
        results=RESULTS,
        # No input: the jobs' measurements are no outputs of theirs.
        measured=lambda wildcards: max(
            (
                file.stat().st_mtime_ns
                for file in RESULTS.glob("*/benchmarks/**/*.tsv")
            ),
            default=0,
        ),
    message:
        "sum up time and memory per rule"
    script:
        "../scripts/timings.py"
