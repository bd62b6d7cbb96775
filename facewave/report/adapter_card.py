"""The model card of a shared vision-language adapter: `README.md` with Hugging Face's metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from facewave.report.model_card import intended_use, plain
from facewave.storage.atomic import write_text

_FAMILIES = {"paligemma": "PaliGemma 2", "qwen": "Qwen2.5-VL"}


@dataclass(frozen=True, kw_only=True)
class AdapterFacts:
    """What a card is made of.

    Attributes:
        dataset: name of the dataset.
        split: protocol, and fold where there are several.
        metadata: of the weights, see `facewave.vlm.faces.sharing`.
        scores: `metrics.json` or `regression.json` of all folds.
    """

    dataset: str
    split: str
    metadata: Mapping[str, Any]
    scores: Mapping[str, Any]


def write_adapter_card(facts: AdapterFacts, path: Path) -> None:
    """Write the card."""
    parts = (_front_matter, _introduction, _use, _training, _scores, _limits, _licence)
    lines = [line for part in parts for line in part(facts)]
    write_text(path, "\n".join(lines) + "\n")


def _model(facts: AdapterFacts) -> Mapping[str, Any]:
    model: Mapping[str, Any] = facts.metadata["options"]["model"]
    return model


def _front_matter(facts: AdapterFacts) -> Iterator[str]:
    base = _model(facts)["model"]
    metadata: dict[str, Any] = {
        "library_name": "peft",
        "pipeline_tag": "video-classification",
        "tags": ["facewave", "lora", "facial-expression-recognition", "face-landmarks"],
        # The adapter is of use with the pretrained weights only, whose terms hold.
        "license": "other",
        "license_name": "as-the-base-model",
        "datasets": [facts.dataset],
    }
    # A folder or a toy is no repository: the hub refuses a card that names one.
    if base.count("/") == 1 and not base.startswith(("/", ".", "~")):
        metadata |= {"base_model": base, "license_link": f"https://huggingface.co/{base}"}
    if (results := _results(facts)) is not None:
        metadata["model-index"] = [results]
    text = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=1000)
    yield f"---\n{text}---"


def _results(facts: AdapterFacts) -> dict[str, Any] | None:
    overall = facts.scores.get("overall")
    if overall is None:
        return None
    named = (("recall", "UAR (mean recall)", "uar"), ("accuracy", "WAR (accuracy)", "war"))
    metrics = [
        {"type": kind, "name": name, "value": round(float(overall[key]), 4)}
        for kind, name, key in named
    ]
    task = {"type": "video-classification", "name": "Acted or rated emotions"}
    dataset = {"type": facts.dataset, "name": facts.dataset, "split": "test"}
    result = {"task": task, "dataset": dataset, "metrics": metrics}
    return {"name": f"{facts.dataset}-{_model(facts)['family']}", "results": [result]}


def _introduction(facts: AdapterFacts) -> Iterator[str]:
    model = _model(facts)
    name = _FAMILIES[model["family"]]
    yield f"\n# {name} with a face, trained on {plain(facts.dataset)}\n"
    yield (
        f"LoRA adapters of `{model['model']}` and modules that read how a face moves (Haar wavelet "
        "codes of its landmarks and blendshapes), made with facewave. The model sees "
        f"{model['frames']} frames of a clip and the codes.\n"
    )
    if classes := facts.metadata.get("classes"):
        yield f"It names one of {len(classes)} classes: {', '.join(map(plain, classes))}.\n"
    else:
        yield f"It gives values: {', '.join(map(plain, model['targets']))}.\n"


def _use(facts: AdapterFacts) -> Iterator[str]:
    yield "## Use\n"
    yield "Adapters alone, without the face:\n"
    yield (
        "    from peft import PeftModel\n"
        "    from transformers import AutoModelForImageTextToText\n"
        f'    base = AutoModelForImageTextToText.from_pretrained("{_model(facts)["model"]}")\n'
        '    model = PeftModel.from_pretrained(base, "this folder")\n'
    )
    yield (
        "They were trained together with the modules in `face_modules.safetensors`; the scores "
        "below are those of the whole, which facewave builds:\n"
    )
    yield (
        "    from pathlib import Path\n"
        "    from facewave.vlm.faces.sharing import options_of, read_shared\n"
        "    from facewave.vlm.fine_tuning.build import build\n"
        '    state, metadata = read_shared(Path("this folder"))\n'
        "    model = build(options_of(metadata))\n"
        "    model.load_trainable_state(state)\n"
    )


def _training(facts: AdapterFacts) -> Iterator[str]:
    data, model = facts.metadata, _model(facts)
    commit = data.get("commit") or "not known (a local folder or a toy)"
    yield "## Training\n"
    yield (
        f"Stage `{data['stage']}` of the split `{facts.split}`: {data['clips']:,} clips, epoch "
        f"{data['best_epoch']} by the validation part, seed {data['seed']}. LoRA rank "
        f"{model['lora_rank']}, alpha {model['lora_alpha']}, on queries and values of the language "
        f"model. Commit of the pretrained weights: {commit}. facewave {data['facewave']}.\n"
    )


def _scores(facts: AdapterFacts) -> Iterator[str]:
    overall, interval = facts.scores.get("overall"), facts.scores.get("bootstrap")
    yield "## Scores\n"
    if overall is None or interval is None:
        yield "See the report: values were predicted, and their errors have units of their own.\n"
        return
    yield (
        "Over the test parts of all folds, each answered by the fold's own model; this folder is "
        f"one of them. Intervals: 95 %, bootstrap over {interval['n']} {interval['unit']}.\n"
    )
    yield "| score, % | this model | 95 % interval |\n| --- | --- | --- |"
    for name, key in (("UAR", "uar"), ("WAR", "war")):
        low, high = interval[key]
        yield f"| {name} | {100 * overall[key]:.1f} | {100 * low:.1f} to {100 * high:.1f} |"
    yield ""


def _limits(_: AdapterFacts) -> Iterator[str]:
    yield "## Limits\n"
    yield (
        "A face does not say what somebody feels: the model names the label that people gave or "
        "actors were asked for, on clips like those that it learned from.\n"
    )
    yield from intended_use()


def _licence(_: AdapterFacts) -> Iterator[str]:
    yield "## Licence\n"
    yield (
        "The pretrained weights are not in this folder; their licence holds for what is made of "
        "them. The licence of the data may forbid sharing what was learned from it: ask those who "
        "made the data.\n"
    )
