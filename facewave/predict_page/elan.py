"""The answers over time as a file of ELAN's (EAF 3.0), beside the video that it opens.

Annotations of a tier must not overlap, windows do: each has the time in which it is the one that is
shown (`facewave.overlay.timeline`), and neighbours that say the same are one annotation. The file
holds no date and no absolute path, so that equal answers give equal bytes and the folder can be
moved. `pympi-ling`, which reads such files in the tests, does not write them here: it puts the
present time into them and renames what was there before.

Reference:
- H. Sloetjes, "ELAN Annotation Format (EAF) 3.0", Max Planck Institute for Psycholinguistics, 2017.
"""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

from facewave.overlay.timeline import Timeline
from facewave.storage.atomic import atomic_path

Annotation = tuple[int, int, str]

_TYPE = "facewave"
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
# XML has no way to write these characters.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_elan(
    path: Path,
    timelines: Sequence[Timeline],
    *,
    found: Sequence[Sequence[float]],
    seconds: float,
    media: Path,
) -> None:
    """Write the file of a video.

    Its tiers are `answer`, `prediction set` and `trusted` of each person, and `face lost`.

    Args:
        path: of the file (`.eaf`).
        timelines: of the persons, the followed one first.
        found: spans in which the followed face was found, each [start, end] in seconds.
        seconds: length of the video.
        media: the video that is opened with it, linked by its path relative to the file.
    """
    tiers: dict[str, list[Annotation]] = {}
    for place, timeline in enumerate(timelines):
        # Names of tiers are unique; where only one person is followed, no name is needed.
        person = "" if place == 0 and len(timelines) == 1 else f" of {timeline.person}"
        sets = [names.replace("|", ", ") for names in timeline.sets]
        trusted = ["yes" if yes else "no" for yes in timeline.trusted]
        tiers[f"answer{person}"] = joined(timeline, timeline.answers)
        tiers[f"prediction set{person}"] = joined(timeline, sets)
        tiers[f"trusted{person}"] = joined(timeline, trusted)
    tiers["face lost"] = lost(found, seconds=seconds)
    tree = ET.ElementTree(_document(tiers, _relative(media, path.parent)))
    ET.indent(tree, space=" ")
    with atomic_path(path, sync=False) as temporary:
        tree.write(temporary, encoding="UTF-8", xml_declaration=True)


def joined(timeline: Timeline, values: Iterable[str]) -> list[Annotation]:
    """Return what is said when, in ms: neighbours with one value are one, empty values are none."""
    found: list[Annotation] = []
    spans = (1000 * timeline.spans()).round().astype(int).tolist()
    for (start, end), value in zip(spans, values, strict=True):
        if not value or end <= start:
            continue
        if found and found[-1][1] == start and found[-1][2] == value:
            found[-1] = (found[-1][0], end, value)
        else:
            found.append((start, end, value))
    return found


def lost(found: Sequence[Sequence[float]], *, seconds: float) -> list[Annotation]:
    """Return the spans of a video, in ms, that lie between those with a face."""
    edges = [0, *(round(1000 * edge) for span in found for edge in span), round(1000 * seconds)]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [(start, end, "face lost") for start, end in gaps if end > start]


def _document(tiers: dict[str, list[Annotation]], media: str) -> ET.Element:
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "facewave",
            "DATE": "1970-01-01T00:00:00+00:00",
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{{{_XSI}}}noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    kind = mimetypes.guess_type(media)[0] or "unknown"
    named = {"MEDIA_URL": media, "MIME_TYPE": kind, "RELATIVE_MEDIA_URL": media}
    ET.SubElement(header, "MEDIA_DESCRIPTOR", named)
    count = sum(map(len, tiers.values()))
    ET.SubElement(header, "PROPERTY", {"NAME": "lastUsedAnnotationId"}).text = str(count)
    _add_tiers(root, tiers)
    ET.SubElement(
        root,
        "LINGUISTIC_TYPE",
        {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": _TYPE, "TIME_ALIGNABLE": "true"},
    )
    return root


def _add_tiers(root: ET.Element, tiers: dict[str, list[Annotation]]) -> None:
    order = ET.SubElement(root, "TIME_ORDER")
    # One slot per time, in the order of the times, as ELAN writes them.
    times = sorted(
        {time for tier in tiers.values() for start, end, _ in tier for time in (start, end)}
    )
    slots = {time: f"ts{i}" for i, time in enumerate(times, start=1)}
    for time, slot in slots.items():
        ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": str(time)})
    number = 0
    for name, said in tiers.items():
        attributes = {"LINGUISTIC_TYPE_REF": _TYPE, "TIER_ID": _text(name)}
        tier = ET.SubElement(root, "TIER", attributes)
        for start, end, value in said:
            number += 1
            ids = {
                "ANNOTATION_ID": f"a{number}",
                "TIME_SLOT_REF1": slots[start],
                "TIME_SLOT_REF2": slots[end],
            }
            annotation = ET.SubElement(tier, "ANNOTATION")
            aligned = ET.SubElement(annotation, "ALIGNABLE_ANNOTATION", ids)
            ET.SubElement(aligned, "ANNOTATION_VALUE").text = _text(value)


def _relative(media: Path, folder: Path) -> str:
    return quote(Path(os.path.relpath(media.absolute(), folder.absolute())).as_posix())


def _text(value: str) -> str:
    return _NOT_XML.sub("\ufffd", value)
