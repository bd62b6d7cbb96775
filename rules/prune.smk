# Asked for by hand: shards of clips and options that no index names are removed.


rule prune_store:
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
