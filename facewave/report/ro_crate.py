"""A Workflow Run RO-Crate: what a report was made from and with, for machines.

The crate is the results folder of a dataset. Its `ro-crate-metadata.json` describes the files that
a report stands on; features, trajectories and videos are not part of it.

References: https://w3id.org/ro/crate/1.1, https://w3id.org/workflowhub/workflow-ro-crate/1.0,
https://w3id.org/ro/wfrun/workflow/0.5
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from facewave import __version__
from facewave.report.provenance import Provenance
from facewave.storage.atomic import atomic_path, write_json, write_text
from facewave.storage.store import file_sha256

METADATA = "ro-crate-metadata.json"
_CRATE = "https://w3id.org/ro/crate/1.1"
_WORKFLOW = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    _WORKFLOW: ("Workflow RO-Crate", "1.0"),
}
# The one term that the context of RO-Crate 1.1 lacks, as that of Workflow Run Crate defines it.
_CONTEXT = [f"{_CRATE}/context", {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}]
_SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
_BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_MIT = "https://spdx.org/licenses/MIT"
_KINDS = {".parquet": "application/vnd.apache.parquet", ".yaml": "application/yaml"}

Entity = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class CrateFiles:
    """The files of a crate, all below the folder of `metadata`.

    Attributes:
        metadata: `ro-crate-metadata.json`, to write.
        workflow: copy of the Snakefile, to write.
        config: the configuration, to write.
        inputs: what the run began with, such as the manifest.
        splits: fold to part to Parquet file.
        results: what it made; the page first.
    """

    metadata: Path
    workflow: Path
    config: Path
    inputs: Sequence[Path]
    splits: Mapping[str, Mapping[str, Path]]
    results: Sequence[Path]


def write_crate(files: CrateFiles, made: Provenance, *, dataset: str, snakefile: Path) -> None:
    """Write the metadata of a crate, and beside it the Snakefile and the configuration.

    Args:
        files: to describe.
        made: where the report's numbers come from.
        dataset: its name.
        snakefile: of the workflow, to copy.
    """
    write_text(files.config, made.config)
    with atomic_path(files.workflow) as temporary:
        temporary.write_bytes(snakefile.read_bytes())
    write_json(files.metadata, {"@context": _CONTEXT, "@graph": _graph(files, made, dataset)})


def _graph(files: CrateFiles, made: Provenance, dataset: str) -> list[Entity]:
    root = files.metadata.parent
    inputs = [_file(path, root) for path in (files.config, *files.inputs)]
    digests = {(fold, part): digest for fold, part, digest in made.data}
    splits = [
        # The report has read these digests; the files may have gigabytes.
        _file(path, root, digest=digests[fold, part])
        for fold, parts in files.splits.items()
        for part, path in parts.items()
    ]
    results = [_file(path, root) for path in files.results]
    ended = _time(files.results[0])
    workflow = _workflow(files.workflow, root, made)
    software = _software(made.versions)
    settings = _settings(made)
    run: Entity = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"facewave {__version__} on {dataset}",
        "description": "The rules of the workflow from the clips to the report.",
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "endTime": ended,
        "instrument": _to(workflow),
        "object": [*map(_to, inputs), *map(_to, settings)],
        "result": [*map(_to, splits), *map(_to, results)],
    }
    parts = [workflow, *inputs, *splits, *results]
    dataset_entity: Entity = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"facewave: results of {dataset}",
        "description": "A report, what it was made from, and the workflow that made it.",
        "datePublished": ended,
        "license": {"@id": "#licence"},
        "conformsTo": [{"@id": profile} for profile in _PROFILES],
        "hasPart": list(map(_to, parts)),
        "mainEntity": _to(workflow),
        "mentions": _to(run),
    }
    licence: Entity = {
        "@id": "#licence",
        "@type": "CreativeWork",
        "name": "Terms of the results",
        "description": "Results derive from the clips of the dataset, whose terms hold for them.",
    }
    return [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [{"@id": _CRATE}, {"@id": _WORKFLOW}],
        },
        dataset_entity,
        licence,
        *parts,
        run,
        *settings,
        *software,
        *_contexts(),
    ]


def _to(entity: Entity) -> Entity:
    return {"@id": entity["@id"]}


def _file(path: Path, root: Path, *, digest: str | None = None) -> Entity:
    """Return the description of a file; `digest` of its content where that is known already."""
    kind = _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return {
        "@id": _id(path, root),
        "@type": "File",
        "name": path.relative_to(root).as_posix(),
        "encodingFormat": kind or "application/octet-stream",
        "contentSize": str(path.stat().st_size),
        **({"sha256": file_sha256(path)} if digest is None else {"identifier": digest}),
    }


def _id(path: Path, root: Path) -> str:
    return quote(path.relative_to(root).as_posix())


def _time(path: Path) -> str:
    return datetime.fromtimestamp(int(path.stat().st_mtime), tz=UTC).isoformat()


def _workflow(path: Path, root: Path, made: Provenance) -> Entity:
    return {
        "@id": _id(path, root),
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": "facewave",
        "description": "The Snakefile; its rules are in the release or commit of this version.",
        "encodingFormat": "text/plain",
        "conformsTo": {"@id": _BIOSCHEMAS},
        "programmingLanguage": {"@id": _SNAKEMAKE},
        "license": {"@id": _MIT},
        "version": __version__ if made.commit is None else f"{__version__} ({made.commit})",
        "creator": {"@id": "#authors"},
        "softwareRequirements": list(map(_to, _software(made.versions))),
    }


def _software(versions: Mapping[str, str]) -> list[Entity]:
    return [
        {
            "@id": f"#software-{quote(name)}",
            "@type": "SoftwareApplication",
            "name": name,
            "softwareVersion": version,
        }
        for name, version in versions.items()
    ]


def _settings(made: Provenance) -> list[Entity]:
    values = {"seed": str(made.seed), "face landmarker SHA-256": made.model_sha256}
    return [
        {
            "@id": f"#setting-{quote(name)}",
            "@type": "PropertyValue",
            "name": name,
            "value": value,
        }
        for name, value in values.items()
    ]


def _contexts() -> list[Entity]:
    return [
        *(
            {"@id": profile, "@type": "CreativeWork", "name": name, "version": version}
            for profile, (name, version) in _PROFILES.items()
        ),
        {
            "@id": _SNAKEMAKE,
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "identifier": {"@id": "https://doi.org/10.1093/bioinformatics/bts480"},
            "url": {"@id": "https://snakemake.readthedocs.io"},
        },
        {"@id": "#authors", "@type": "Organization", "name": "The facewave authors"},
        {
            "@id": _MIT,
            "@type": "CreativeWork",
            "name": "MIT License",
            "identifier": _MIT,
        },
    ]
