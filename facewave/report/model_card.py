"""The model card of a model to share: `README.md` with the metadata that Hugging Face reads.

Text and numbers come from the evaluation. The scores are of the folds' own models, each on people
that it has never seen, not of their average, which is what is shared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from facewave.face.channels import Channels
from facewave.face.point_sets import point_set
from facewave.predict.description import read_description
from facewave.report.clips import ReportClip
from facewave.report.subgroups import SubgroupRow
from facewave.storage.atomic import write_text

_NOT_STATED = "not stated here; ask those who made the data"
# Adapters of open datasets, whose licence is known: the module that lists their files.
_OPEN = {"ravdess": "ravdess", "ravdess_tracks": "ravdess", "crema_d": "crema_d"}
# What Markdown, tables and HTML would take for their own.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~$&-])")


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """What a model card is made of.

    Attributes:
        folder: of the model, with its `model.json`.
        dataset: name of the dataset.
        options: of the dataset.
        card: the section `export_model` of the configuration.
        scores: `metrics.json` of the MLP.
        clips: of the dataset.
        subgroups: scores of groups of test clips.
    """

    folder: Path
    dataset: str
    options: Mapping[str, Any]
    card: Mapping[str, Any]
    scores: Mapping[str, Any]
    clips: Sequence[ReportClip]
    subgroups: Sequence[SubgroupRow]


def write_model_card(facts: CardFacts, path: Path) -> None:
    """Write the card."""
    description = read_description(facts.folder)
    sections = [
        _front_matter(facts, description),
        *_introduction(description),
        *_use(),
        *_data(facts),
        *_protocol(facts, description),
        *_scores(facts.scores),
        *_subgroups(facts.subgroups),
        *_limits(description),
        *intended_use(),
        *_licence(facts),
        *_provenance(description),
    ]
    write_text(path, "\n".join(sections) + "\n")


def data_licence(options: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    """Return the licence of a dataset in words."""
    if card["data_licence"]:
        return str(card["data_licence"])
    module = _OPEN.get(options["adapter"])
    if module is None:
        return _NOT_STATED
    return str(import_module(f"facewave.downloads.{module}").release(options).licence)


def _front_matter(facts: CardFacts, description: Mapping[str, Any]) -> str:
    overall = facts.scores["overall"]
    metrics = [
        {"type": "recall", "name": "UAR (mean recall)", "value": _number(overall["uar"])},
        {"type": "accuracy", "name": "WAR (accuracy)", "value": _number(overall["war"])},
        {"type": "f1", "name": "macro F1", "value": _number(overall["macro_f1"])},
    ]  # fmt: skip
    metadata = {
        "license": facts.card["licence"],
        "library_name": "facewave",
        "pipeline_tag": "video-classification",
        "tags": ["facewave", "facial-expression-recognition", "face-landmarks", "mediapipe"],
        "metrics": ["recall", "accuracy", "f1"],
        "model-index": [
            {
                "name": description["name"],
                "results": [
                    {
                        "task": {"type": "video-classification", "name": "Acted or rated emotions"},
                        "dataset": {"type": facts.dataset, "name": facts.dataset, "split": "test"},
                        "metrics": metrics,
                    }
                ],
            }
        ],
    }
    text = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---\n"


def _number(value: float) -> float:
    return round(float(value), 4)


def _introduction(description: Mapping[str, Any]) -> Iterator[str]:
    classes = ", ".join(map(plain, description["classes"]))
    channels = Channels.parse(description["features"]["channels"])
    seen = f"{point_set(channels.points).count} landmarks"
    seen += " and 52 blendshapes" if channels.blendshapes else ""
    layout = description["features"]["wavelet"]["layout"]
    yield f"# {plain(description['name'])}\n"
    yield (
        f"A model made with facewave: it follows {seen} of a face (`{channels.points}`) through a "
        f"video, keeps their motion as a code of fixed length (`{layout}`) and names one of "
        f"{len(description['classes'])} classes: {classes}. It sees landmarks, no pictures.\n"
    )
    members = len(description["members"])
    if members > 1:
        yield f"Its answers are averages of {members} models, one per fold of the protocol below.\n"


def _use() -> Iterator[str]:
    yield "## Use\n"
    yield (
        "    import facewave\n"
        '    model = facewave.load_model("this folder")\n'
        '    answer = model.predict("clip.mp4", window=(4, 1))\n'
        "    answer.answer, answer.probabilities, answer.trusted, answer.why\n"
    )
    yield "or, for folders of videos and on clusters:\n"
    yield (
        "    snakemake --configfile FOLDER/options.yaml "
        "--config 'predict={videos: VIDEOS, model: FOLDER}' -- predict\n"
    )
    yield (
        "`model.json` says which landmarker (by SHA-256), options and versions the features must "
        "be made with; others are refused by name.\n"
    )


def _data(facts: CardFacts) -> Iterator[str]:
    clips = facts.clips
    subjects = {clip.subject for clip in clips if clip.subject is not None}
    counts = Counter(clip.label for clip in clips)
    valid = sum(clip.valid for clip in clips)
    people = f"{len(subjects)} people" if subjects else "people not known"
    yield "## Data\n"
    yield (
        f"{plain(facts.dataset)} (read as `{facts.options['adapter']}`): {len(clips):,} clips, "
        f"{people}; {valid:,} clips show the face well enough to be learned from.\n"
    )
    yield _table(("class", "clips"), [(name, f"{count:,}") for name, count in counts.items()])
    yield f"Licence of the data: {_text(data_licence(facts.options, facts.card))}.\n"


def _protocol(facts: CardFacts, description: Mapping[str, Any]) -> Iterator[str]:
    trained, units = description.get("trained_on", {}), facts.scores["bootstrap"]
    folds = trained.get("folds", 1)
    yield "## Protocol\n"
    yield (
        f"`{trained.get('protocol', 'not stated')}`, {folds} {'folds' if folds > 1 else 'split'}. "
        f"Intervals are 95 % bootstrap intervals over {units['n']} {units['unit']}; "
        f"scores are means over {facts.scores['seeds']['n']} trainings. Clips without a usable "
        "face count, with the answer that the training labels alone suggest.\n"
    )
    if calibration := facts.scores.get("calibration"):
        yield f"Scores are {calibration['text']}: another task than scores without.\n"


def _scores(scores: Mapping[str, Any]) -> Iterator[str]:
    overall, interval = scores["overall"], scores["bootstrap"]
    majority = scores["majority_class"]
    rows = [
        (name, _percent(overall[key]), _range(interval[key]), _percent(majority[key]))
        for name, key in (("UAR", "uar"), ("WAR", "war"))
    ]
    yield "## Scores\n"
    yield _table(("score, %", "the folds' models", "95 % interval", "majority class"), rows)
    per_class = [
        (row["name"], f"{row['support']:,.0f}", _percent(row["recall"]), _percent(row["precision"]))
        for row in overall["per_class"]
    ]
    yield _table(("class", "test clips", "recall, %", "precision, %"), per_class)
    balanced = scores["operating_points"].get("balanced")
    if balanced:
        yield (f"Expected calibration error of the probabilities: {_percent(balanced['ece'])} %.\n")


def _subgroups(rows: Sequence[SubgroupRow]) -> Iterator[str]:
    yield "## Subgroups\n"
    if not rows:
        yield "No groups of clips are known of which there is more than one.\n"
        return
    cells = [
        (row.kind, row.group, f"{row.clips:,}", str(row.classes), _percent(row.uar),
         _range((row.uar_low, row.uar_high)), _count(row.units, row.unit))
        for row in rows
    ]  # fmt: skip
    head = ("groups by", "group", "clips", "classes", "UAR, %", "95 % interval", "over")
    yield _table(head, cells)
    yield "Ethnicity and age are not known of the people, so nothing can be said of them.\n"


def _limits(description: Mapping[str, Any]) -> Iterator[str]:
    people = sum(len(set(member["held_out"]["people"])) for member in description["members"])
    unit = description["members"][0]["held_out"]["unit"]
    lowest = 1 / (people + 1)
    yield "## Limits\n"
    yield (
        "- It was checked on clips like those that it learned from. Other cameras, languages, "
        "cultures and situations, and felt in place of acted emotions, may give other scores.\n"
        "- A face does not say what somebody feels. The model names the label that people gave, "
        "or actors were asked for.\n"
        f"- Prediction sets (`prediction_set`) rest on {_count(people, unit)} that the fold's "
        f"model had not seen; no error rate below {lowest:.3f} can be promised. For windows of "
        "long videos the promise does not hold: they are not like the clips that were checked.\n"
        "- Heads turned far to the side, covered faces and low resolution are tracked badly; see "
        "`coverage` and `why`.\n"
    )
    if description["baseline"]:
        yield (
            "- Features are relative to the person's other clips (`baseline` in `model.json`); "
            "answers need several windows of the same person.\n"
        )


def intended_use() -> Iterator[str]:
    """Yield what models of faces are for, and what they must not be used for."""
    yield "## Intended use and misuse\n"
    yield (
        "For research on facial expressions, teaching, and the annotation of own recordings that "
        "people check afterwards. Not for decisions about people: hiring, schools, insurance, "
        "policing, borders, diagnosis or lie detection; not for watching people without their "
        "consent. Emotion recognition at work and in schools is prohibited in the European Union "
        "(Regulation 2024/1689, Article 5).\n"
    )


def _licence(facts: CardFacts) -> Iterator[str]:
    yield "## Licence\n"
    yield (
        f"Weights: `{facts.card['licence']}`. Data: "
        f"{_text(data_licence(facts.options, facts.card))}. facewave: MIT. MediaPipe's landmarker "
        "is Apache-2.0 and is not part of this folder.\n"
    )
    if facts.card["contact"]:
        yield f"Contact: {_text(facts.card['contact'])}\n"


def _provenance(description: Mapping[str, Any]) -> Iterator[str]:
    tracks = description["tracks"] or {}
    versions = ", ".join(f"{k} {v}" for k, v in sorted((tracks.get("software") or {}).items()))
    yield "## Provenance\n"
    yield (
        f"facewave {description['facewave']}; format {description['format_version']}; {versions}. "
        f"Landmarker SHA-256 `{tracks.get('model_sha256')}`; weights SHA-256 "
        f"`{description['weights_sha256']}`."
    )


def _count(number: int, units: str) -> str:
    return f"{number} {units if number != 1 else units.removesuffix('s')}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _range(limits: Sequence[float]) -> str:
    return f"{_percent(limits[0])} to {_percent(limits[1])}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ("---",) * len(head), *([plain(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def plain(text: str) -> str:
    """Return a name of the data such that Markdown shows it as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _text(text: str) -> str:
    """Return words of the configuration: addresses in them stay links, HTML does not."""
    return " ".join(text.split()).replace("<", "&lt;").replace("|", "\\|")
