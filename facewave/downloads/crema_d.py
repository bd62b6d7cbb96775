"""The clips of CREMA-D, each a file in Git LFS, at one commit of its repository.

`crema_d.tsv.gz` holds name, size and SHA-256 of all 7,442 clips: the Git LFS pointers of the
folder VideoFlash at that commit. The repository is under the ODbL 1.0.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from facewave.downloads.release import OpenRelease, Part, RemoteFile

COMMIT = "1658cd342dff90010aa843eaeebd53610a08b1dc"
_LIST = Path(__file__).with_name("crema_d.tsv.gz")


def release(options: Mapping[str, Any]) -> OpenRelease:
    """Return the clips; a part per actor."""
    del options
    return OpenRelease(
        title="CREMA-D",
        page="https://github.com/CheyneyComputerScience/CREMA-D",
        url=(
            "https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/"
            f"{COMMIT}/VideoFlash/"
        ),
        licence=(
            "Open Database License 1.0, https://opendatacommons.org/licenses/odbl/1-0/, and "
            "Database Contents License for single clips"
        ),
        advice=(
            "Its mirror is https://gitlab.com/cs-cooper-lab/crema-d-mirror: a clone with Git LFS "
            "below the root is used as it is."
        ),
        parts=parts(),
    )


@cache
def parts() -> tuple[Part, ...]:
    """Return the listed clips, by actor."""
    by_actor: dict[int, list[RemoteFile]] = defaultdict(list)
    text = gzip.decompress(_LIST.read_bytes()).decode()
    for name, size, sha256 in csv.reader(StringIO(text), delimiter="\t"):
        by_actor[int(name[:4])].append(RemoteFile(name, int(size), f"sha256:{sha256}"))
    return tuple(
        Part(
            str(actor),
            actor,
            tuple(files),
            tuple(f"VideoFlash/{file.name}" for file in files),
            archive=False,
        )
        for actor, files in sorted(by_actor.items())
    )
