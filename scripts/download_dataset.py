from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.downloads.fetch import download
from facewave.downloads.release import announcement, open_release, size_of
from facewave.jobs.log import job_log
from facewave.planning.downloads import parts_to_download
from facewave.storage.atomic import write_json


def main(*, options: Mapping[str, Any], marker: str) -> None:
    """Download what is missing of a dataset."""
    release, missing = open_release(options), parts_to_download(options)
    if missing:
        print(announcement(release, missing), flush=True)
        download(release, missing, Path(options["root"]))
    write_json(Path(marker), {"page": release.page, "downloaded_bytes": size_of(missing)})


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(options=snakemake.params.options, marker=snakemake.output.marker)
