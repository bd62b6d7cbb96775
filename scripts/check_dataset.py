import sys
from pathlib import Path

from facewave.datasets.check import check_folder
from facewave.jobs.log import job_log
from facewave.storage.atomic import write_text


def main(*, root: str | None, text: str) -> int:
    """Print what a folder holds and write it to a file; return 1 where it cannot be used."""
    if root is None:
        print("check_dataset: name the folder: snakemake check_dataset --config root=/path")
        return 1
    check = check_folder(Path(root))
    write_text(Path(text), check.text)
    print(check.text, flush=True)
    return 1 if check.problems else 0


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        code = main(root=snakemake.params.root, text=str(snakemake.params.text))
    if code:
        sys.exit(code)
