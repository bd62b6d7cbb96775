# What a folder holds: which adapter fits, what is missing, what cannot be used.


# Without an output, so that it runs whenever it is asked for: the folder may have changed.
rule check_dataset:
    log:
        RESULTS / "logs/check_dataset.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        root=CONFIG["root"],
        text=RESULTS / "check_dataset" / f"{Path(CONFIG['root'] or 'none').name}.txt",
    message:
        "look at {params.root}"
    script:
        "../scripts/check_dataset.py"
