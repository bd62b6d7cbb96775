from collections.abc import Sequence
from pathlib import Path

from facewave.jobs.log import job_log
from facewave.storage.atomic import write_text
from facewave.storage.tables import format_rows
from facewave.video.scene_lists import SCENE_COLUMNS, scene_rows


def main(*, lists: Sequence[str], key_folder: str, table: str) -> None:
    """Write one row per video, and print errors and notes."""
    rows = scene_rows([Path(path) for path in lists], keys=Path(key_folder))
    write_text(Path(table), format_rows(SCENE_COLUMNS, rows))
    for row in rows:
        if row["error"] or row["notes"]:
            print(f"{row['file_path']}: {row['error'] or row['notes']}", flush=True)
    scenes = sum(int(row["scenes"]) for row in rows)
    print(f"{scenes} scenes in {len(rows)} videos: {table}", flush=True)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            lists=snakemake.input.lists,
            key_folder=str(snakemake.params.key_folder),
            table=snakemake.output.table,
        )
