# The content-addressed store.


rule prune_store:
    """Remove the shards of clips and options that no index names."""
    log:
        RESULTS / "logs/prune_store.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        results=RESULTS,
        store=STORE,
    message:
        "remove the shards that no index names"
    script:
        "../scripts/prune_store.py"
