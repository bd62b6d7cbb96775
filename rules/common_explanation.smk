# The files of `snakemake explain` that a report shows.


def existing_explanation(wildcards):
    """Return the files of `explain` that a dataset has: the report shows them, up to date."""
    folder = RESULTS / wildcards.dataset
    files = [
        folder / "explanation" / PROTOCOL / f"importance.{kind}"
        for kind in ("json", "png")
    ]
    return [file for file in files if file.exists()]
