# Cuts between scenes, for datasets whose `segments` have `scenes: detect`. Runs before all else.
from facewave.planning.scenes import scene_tables
from facewave.versions import SCENE_VERSION


rule find_scenes:
    input:
        key=DATASET / "keys/scenes/{video}.json",
    output:
        scenes=DATASET / "scenes/{video}-Scenes.csv",
    log:
        DATASET / "logs/find_scenes/{video}.log",
    benchmark:
        DATASET / "benchmarks/find_scenes/{video}.tsv"
    conda:
        "../envs/scenes.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(120),
    params:
        key=lambda wildcards: PROJECT.scenes[wildcards.dataset][wildcards.video],
        options=CONFIG["scenes"],
        default_fps=CONFIG["landmarker"]["default_fps"],
        video=lambda wildcards, output: CONFIG["video"],
        version=SCENE_VERSION,
    message:
        "detect the scenes of {wildcards.video} ({wildcards.dataset})"
    script:
        "../scripts/find_scenes.py"


# Local, since it prints at the end which videos could not be read.
rule list_scenes:
    input:
        key=DATASET / "keys/scenes.json",
        lists=lambda wildcards: [
            RESULTS / wildcards.dataset / "scenes" / f"{video}-Scenes.csv"
            for video in PROJECT.scenes[wildcards.dataset]
        ],
    output:
        table=DATASET / "scenes.tsv",
    log:
        DATASET / "logs/list_scenes.log",
    localrule: True
    conda:
        "../envs/scenes.yaml"
    params:
        videos=lambda wildcards: PROJECT.scenes[wildcards.dataset],
        key_folder=lambda wildcards: RESULTS / wildcards.dataset / "keys" / "scenes",
    message:
        "list the scenes of {wildcards.dataset}"
    script:
        "../scripts/list_scenes.py"


rule detect_scenes:
    """Detect cuts in videos whose segments must not cross them; run this before all other targets."""
    input:
        told(lambda wildcards: scene_tables(PROJECT.scenes, RESULTS)),
