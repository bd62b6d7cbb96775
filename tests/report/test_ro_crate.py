"""The RO-Crate of a report: every file is described, and a validator of the profiles takes it."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from facewave.report.provenance import Provenance
from facewave.report.ro_crate import CrateFiles, write_crate

VALIDATOR = shutil.which("rocrate-validator")


@pytest.fixture
def crate(tmp_path):
    """Return the folder of a crate whose fold has a name that an address cannot have."""
    root = tmp_path / "mine"
    fold = root / "splits" / "fold-é %20"
    fold.mkdir(parents=True)
    for name in ("report.html", "manifest.parquet", "metrics.json"):
        (root / name).write_text(f"content of {name}")
    splits = {"fold-é %20": {part: fold / f"{part}.parquet" for part in ("train", "test")}}
    for path in splits["fold-é %20"].values():
        path.write_text(path.name)
    made = Provenance(
        versions={"facewave": "0.1.0", "Python": "3.11", "scikit-learn": "1.7"},
        model_sha256="ab" * 32,
        seed=7,
        commit="abc+",
        data=[("fold-é %20", "train", "11"), ("fold-é %20", "test", "22")],
        config="seed: 7\n",
    )
    files = CrateFiles(
        metadata=root / "ro-crate-metadata.json",
        workflow=root / "ro-crate" / "Snakefile",
        config=root / "ro-crate" / "config.yaml",
        inputs=[root / "manifest.parquet"],
        splits=splits,
        results=[root / "report.html", root / "metrics.json"],
    )
    snakefile = Path(__file__).parents[2] / "Snakefile"
    write_crate(files, made, dataset="mine", snakefile=snakefile)
    before = files.metadata.read_bytes()
    write_crate(files, made, dataset="mine", snakefile=snakefile)
    assert files.metadata.read_bytes() == before
    return root


def entities(crate):
    graph = json.loads((crate / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    found = {entity["@id"]: entity for entity in graph}
    assert len(found) == len(graph)
    return found


def references(value):
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def test_every_file_is_described_by_its_content(crate):
    found = entities(crate)
    page = found["report.html"]
    content = b"content of report.html"
    assert page["sha256"] == hashlib.sha256(content).hexdigest()
    assert page["contentSize"] == str(len(content))
    assert page["encodingFormat"] == "text/html"
    train = found["splits/fold-%C3%A9%20%2520/train.parquet"]
    assert train["identifier"] == "11"
    assert train["name"] == "splits/fold-é %20/train.parquet"
    assert (crate / "ro-crate/config.yaml").read_text() == "seed: 7\n"
    run = found["#run"]
    assert {"@id": "ro-crate/config.yaml"} in run["object"]
    assert {"@id": "report.html"} in run["result"]
    assert found["#setting-seed"]["value"] == "7"
    assert found["#software-scikit-learn"]["softwareVersion"] == "1.7"


def test_nothing_refers_to_what_is_not_there(crate):
    found = entities(crate)
    lacking = {name for name in references(list(found.values())) if name not in found}
    assert all(name.startswith(("http://", "https://")) for name in lacking)


@pytest.mark.slow
@pytest.mark.skipif(VALIDATOR is None, reason="roc-validator is not installed")
def test_the_validator_of_the_profile_takes_it(crate):
    command = [VALIDATOR, "-y", "--disable-color", "validate", "-p", "workflow-run-crate"]

    def validate(*options):
        return subprocess.run(
            [*command, *options, str(crate)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    # It needs the context of RO-Crate, which `rocrate-validator cache warm` fetches once.
    done = validate("--offline")
    if done.returncode != 0 and "cache" in done.stdout + done.stderr:
        done = validate()
    assert done.returncode == 0, done.stdout + done.stderr
