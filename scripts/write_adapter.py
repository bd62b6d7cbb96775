import json
from pathlib import Path

from facewave.jobs.log import job_log


def main(*, weights: str, metrics: str, card: str, dataset: str, split: str) -> None:
    """Write a trained model as a folder to share: PEFT's files, the face modules, a model card.

    Args:
        weights: of the stage.
        metrics: its scores.
        card: `README.md` of the folder.
        dataset: its name.
        split: protocol, and fold where there are several.
    """
    from facewave.report.adapter_card import AdapterFacts, write_adapter_card
    from facewave.vlm.faces.sharing import write_shared
    from facewave.vlm.training.weights import load_state

    write_shared(Path(weights), Path(card).parent)
    facts = AdapterFacts(
        dataset=dataset,
        split=split,
        metadata=load_state(Path(weights))[1],
        scores=json.loads(Path(metrics).read_text(encoding="utf-8")),
    )
    write_adapter_card(facts, Path(card))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            weights=snakemake.input.weights,
            metrics=snakemake.input.metrics,
            card=snakemake.output.card,
            dataset=snakemake.wildcards.dataset,
            split=snakemake.wildcards.split,
        )
