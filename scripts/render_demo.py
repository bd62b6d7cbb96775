from collections.abc import Sequence
from pathlib import Path

from facewave.demo.recipe import demo_clips
from facewave.demo.render import render_clip
from facewave.jobs.log import job_log


def main(
    *,
    folder: str,
    subject: str,
    subjects: int,
    takes: int,
    classes: Sequence[str],
    size: int,
    fps: float,
    seed: int,
) -> None:
    """Render all clips of one synthetic subject."""
    for clip in demo_clips(subjects=subjects, takes=takes, classes=classes):
        if clip.subject == subject:
            render_clip(clip, Path(folder) / clip.relative_path, size=size, fps=fps, seed=seed)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            folder=str(snakemake.params.folder),
            subject=snakemake.params.subject,
            subjects=snakemake.params.subjects,
            takes=snakemake.params.takes,
            classes=list(snakemake.params.classes),
            size=snakemake.params.size,
            fps=snakemake.params.fps,
            seed=snakemake.params.seed,
        )
