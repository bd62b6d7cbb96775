"""The repository itself: pins, environments, what the library may import."""

import ast
import re
import subprocess
from pathlib import Path

import yaml

from tests.workflow.workflow import SNAKEMAKE, environment

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-vlm.txt", "requirements-speech.txt")


def pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", path.read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


def locks(*names: str) -> dict[str, str]:
    """Return the pins of several files, no package of which may be in two."""
    parts = [pins(ROOT / name) for name in names]
    joined = {name: version for part in parts for name, version in part.items()}
    assert len(joined) == sum(map(len, parts))
    return joined


def test_cv2_has_one_owner():
    names = locks(*LOCKS, "requirements-dev.txt")
    assert [name for name in names if name.startswith("opencv")] == ["opencv-contrib-python"]


def test_conda_environments_pin_what_the_lock_pins():
    lock = locks(*LOCKS)
    environments = sorted((ROOT / "envs").glob("*.yaml"))
    assert environments
    for path in environments:
        dependencies = yaml.safe_load(path.read_text())["dependencies"]
        (by_pip,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
        for requirement in by_pip:
            name, version = requirement.split("==")
            assert lock[name.lower().replace("_", "-")] == version, path.name


def test_lock_has_every_dependency_of_the_project():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = pins(ROOT / "requirements.txt")
    wanted = [(lock, name) for name in project["dependencies"]]
    for extra in ("vlm", "speech"):
        beside = pins(ROOT / f"requirements-{extra}.txt")
        names = project["optional-dependencies"][extra]
        wanted += [(beside, name) for name in names if not name.startswith("facewave[")]
    for pinned, requirement in wanted:
        name = re.match(r"[A-Za-z0-9_.-]+", requirement)[0]
        assert name.lower().replace("_", "-") in pinned


def test_the_demo_needs_no_vision_language_model():
    assert not {"transformers", "peft", "accelerate"} & pins(ROOT / "requirements.txt").keys()
    for name, beneath in (("dev", "-speech"), ("speech", "-vlm"), ("vlm", "")):
        lock = (ROOT / f"requirements-{name}.txt").read_text()
        assert f"-r requirements{beneath}.txt" in lock.splitlines()


def test_cluster_plugins_are_pinned_and_change_no_other_pin():
    import tomllib

    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    plugins = {
        re.match(r"[A-Za-z0-9_.-]+", requirement)[0]
        for requirement in extra["optional-dependencies"]["slurm"]
    }
    pinned = pins(ROOT / "requirements-slurm.txt")
    assert plugins <= set(pinned)
    assert not set(pinned) & set(pins(ROOT / "requirements.txt"))


def test_nothing_loads_pickles():
    for folder in ("facewave", "scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    called = ast.unparse(node.func)
                    given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                    if called in ("np.load", "numpy.load"):
                        assert given.get("allow_pickle") == "False", path
                    if called == "torch.load":
                        assert given.get("weights_only") == "True", path
                    assert called not in ("pickle.load", "pickle.loads"), path
                    assert given.get("shell") != "True", path


def test_every_rule_has_log_environment_and_message_and_its_script_bears_its_name():
    own = {}
    for path in (ROOT / "rules").glob("*.smk"):
        for block in re.split(r"^(?= *(?:use )?rule\b)", path.read_text(), flags=re.MULTILINE)[1:]:
            script = re.search(r'"\.\./scripts/(\w+)\.py"', block)
            if script is None:
                continue
            name = re.match(r" *rule (\w+):", block) or re.search(r'f"(\w+)_\{dataset\}', block)
            own[name[1]] = script[1]
            for directive in ("log:", "conda:", "message:"):
                assert directive in block, (path.name, script[1], directive)
    assert own == {name: name for name in own}
    assert set(own) == {path.stem for path in (ROOT / "scripts").glob("*.py")}


def test_targets_are_what_a_person_types_and_say_what_they_do(tmp_path):
    given = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path)]
    done = subprocess.run(
        [str(SNAKEMAKE), *given, "--list-target-rules"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment(),
    )
    lines = done.stdout.splitlines()
    names = {line.split()[0] for line in lines}
    assert {"features", "splits", "train_mlp", "report", "all"} <= names
    for line in lines:
        assert re.fullmatch(r"[a-z_]+ \([A-Z`].{10,110}\.\)", line), line


def test_rules_are_one_file_per_stage():
    common = (ROOT / "rules" / "common.smk").read_text().splitlines()
    assert len(common) < 100
    packages = {path.parent.name for path in (ROOT / "facewave").glob("*/__init__.py")}
    # Two are of facewave/vlm, one joins the splits of several datasets to a table, and one
    # has the rules of mlp, evaluation and report for values.
    elsewhere = {"common", "zero_shot", "preflight", "cross_datasets", "regression"}
    names = {path.stem for path in (ROOT / "rules").glob("*.smk")}
    assert names - elsewhere <= packages
