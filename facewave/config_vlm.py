"""Checks of the section `vlm` that compare its keys with each other."""

from collections.abc import Iterator, Mapping


def vlm_problems(section: object) -> Iterator[str]:
    """Yield one line a problem; a section whose keys have wrong types yields what can be said."""
    if not isinstance(section, Mapping):
        return
    width, heads = section.get("width"), section.get("heads")
    if isinstance(width, int) and isinstance(heads, int) and heads > 0 and width % heads:
        yield f"vlm.width: found {width}, expected a multiple of vlm.heads ({heads})"
    yield from _stage_problems(section.get("stages"), section.get("lora_rank"))
    regression = section.get("head") == "regression"
    if regression and section.get("targets") is None:
        yield (
            "vlm.targets: found null (empty), expected {table: scores.csv, columns: [valence]} "
            "with head: regression"
        )
    report = section.get("report")
    for name in report if isinstance(report, list) else []:
        if regression and name != "fine_tuning" and name != "adaptation":
            yield f"vlm.report: found {name!r}, expected adaptation or fine_tuning with regression"


def _stage_problems(stages: object, lora_rank: object) -> Iterator[str]:
    if not isinstance(stages, Mapping):
        return
    options = {name: part for name, part in stages.items() if isinstance(part, Mapping)}
    shares = [part.get("share") for part in options.values()]
    if all(isinstance(share, int | float) for share in shares) and sum(shares) > 1 + 1e-9:
        yield (
            f"vlm.stages: found shares {' + '.join(map(str, shares))}, expected 1 at most together "
            "(no clip is in both stages)"
        )
    for name, part in options.items():
        modules = part.get("train")
        if isinstance(modules, list) and "lora" in modules and lora_rank == 0:
            yield f"vlm.stages.{name}.train: found lora, expected none with vlm.lora_rank: 0"
