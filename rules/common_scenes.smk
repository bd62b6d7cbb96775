# For detect_scenes.smk: whose scenes are looked for, by dataset.
from facewave.planning.scenes import planned_videos

SCENE_VIDEOS = {
    wanting: planned_videos(options)
    for name in DATASETS
    for wanting, options in wanting_scenes(name, DATASETS[name])
}


def scene_lists(wildcards):
    """List the scene lists of a rule's dataset."""
    folder = RESULTS / wildcards.dataset / "scenes"
    return [folder / f"{video}-Scenes.csv" for video in SCENE_VIDEOS[wildcards.dataset]]


def scene_tables(wildcards):
    """List the tables of scenes of the enabled datasets and their members."""
    if not SCENE_VIDEOS:
        raise WorkflowError(
            "detect_scenes: no enabled dataset asks for it; give one of them "
            "`segments: {seconds: 10, scenes: detect}` (docs/datasets.md, Long videos)"
        )
    return [RESULTS / name / "scenes.tsv" for name in SCENE_VIDEOS]
