# Asked for by hand: shards of clips and options that no index names are removed.


rule prune_store:
    params:
        results=RESULTS,
        store=STORE,
    message:
        "remove the shards that no index names"
    conda:
        "../envs/features.yaml"
    script:
        "../scripts/prune_store.py"
