from collections.abc import Mapping
from pathlib import Path

from facewave.jobs.log import job_log
from facewave.splits.export_chat import export_chat
from facewave.storage.roots import Located


def main(
    *,
    split: str,
    chat: str,
    form: str,
    prompt: str,
    use_text: bool,
    roots: Mapping[str, str],
    store: str,
) -> None:
    """Write one part of a split as conversations."""
    export_chat(
        split,
        Path(chat),
        form=form,
        prompt=prompt,
        use_text=use_text,
        videos=Located(roots),
        store=Path(store),
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            split=snakemake.input.split,
            chat=snakemake.output.chat,
            form=snakemake.wildcards.form,
            prompt=snakemake.params.prompt,
            use_text=snakemake.params.use_text,
            roots=snakemake.params.roots,
            store=str(snakemake.params.store),
        )
