from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.jobs.log import job_log
from facewave.video.isolated import Bounds, isolated_reader
from facewave.video.scene_detection import SceneOptions, write_scenes
from facewave.video.scene_lists import read_key


def main(
    *,
    key: str,
    scenes: str,
    options: Mapping[str, Any],
    default_fps: float,
    video: Mapping[str, Any],
) -> None:
    """Write the list of a video's scenes."""
    path, fps_hint, made_from = read_key(Path(key))
    with isolated_reader(Bounds(**video)) as read:
        write_scenes(
            path,
            Path(scenes),
            key=made_from,
            options=SceneOptions(**options),
            default_fps=fps_hint or default_fps,
            read=read,
        )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            key=snakemake.input.key,
            scenes=snakemake.output.scenes,
            options=snakemake.params.options,
            default_fps=snakemake.params.default_fps,
            video=snakemake.params.video,
        )
