"""What the cluster profiles rest on: resources of every rule, and the scripts without a cluster."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ROOT / "profiles"
GENERIC = PROFILES / "cluster-generic"
OF_BUCKET = r"/\{bucket\}\.tsv\",\n    log:"


def rules() -> dict[str, str]:
    """Return the text of every rule that runs a script, with what it inherits before it."""
    found = {}
    head = re.compile(r"^ *(?:use )?rule(?: (\w+) as)? ?(\w*)(?: with)?:\n", re.MULTILINE)
    text = "".join(path.read_text() for path in rule_files())
    for block in re.split(r"^(?= *(?:use )?rule\b)", text, flags=re.MULTILINE)[1:]:
        base, name = head.match(block).groups()
        name = name or re.search(r'name:\s*f?"(\w+)', block)[1]
        if '"../scripts/' in block or base:
            found[name] = found.get(base, "") + block
    return found


def rule_files() -> list[Path]:
    included = re.findall(r'include: "(.+)"', (ROOT / "Snakefile").read_text())
    return [ROOT / name for name in included]


def profile(name: str) -> dict:
    return yaml.safe_load((PROFILES / name / "config.yaml").read_text())


def test_every_rule_says_what_its_job_needs():
    for name, block in rules().items():
        if "localrule: True" in block:
            continue
        assert re.search(r"\bmem_mb=growing\([^\n]+\),", block), name
        assert re.search(r"\bruntime=growing\([^\n]+\)", block), name


def test_every_job_that_takes_time_is_measured():
    names = []
    for name, block in rules().items():
        measured = re.findall(r'benchmark:[^"]*"([^"]+)\.tsv"', block)
        logs = re.findall(r'log:[^"]*"([^"]+)\.log"', block)
        if measured or "localrule: True" not in block:
            last = [path.split("/", 1)[1] for path in (measured[-1], logs[-1])]
            assert last[0] == last[1], name
            names += last[:1]
    assert len(names) == len(set(names))


def test_what_needs_network_or_the_terminal_stays_where_snakemake_runs():
    local = {name for name, block in rules().items() if "localrule: True" in block}
    assert local == {
        "build_manifest",
        "build_own_manifest",
        "build_targets",
        "check_dataset",
        "download_dataset",
        "fetch_landmarker",
        "fetch_weights",
        "join_predictions",
        "list_frames",
        "list_quality",
        "list_scenes",
        "prune_store",
        "store_info",
        "timings",
        "verify_results",
        "verify_store",
    }


@pytest.mark.parametrize("name", ["slurm", "cluster-generic"])
def test_profiles_group_every_rule_that_handles_a_bucket(name):
    buckets = {rule for rule, block in rules().items() if re.search(OF_BUCKET, block)}
    assert buckets == set(profile(name)["groups"])
    assert set(profile(name)["groups"].values()) == set(profile(name)["group-components"])


def test_members_of_a_slurm_group_are_counted_one_after_the_other():
    slurm = profile("slurm")
    assert slurm["set-resources"] == {rule: {"bucket": 1} for rule in slurm["groups"]}
    assert slurm["resources"] == {"bucket": 1}
    assert slurm["set-resource-scopes"] == {"bucket": "local"}


def test_profiles_agree_where_no_scheduler_matters():
    default, slurm, generic = map(profile, ("default", "slurm", "cluster-generic"))
    same = set(slurm) & set(generic) - {"executor", "group-components"}
    assert len(same) >= 10
    for key in same:
        assert slurm[key] == generic[key], key
    for key in ("scheduler", "scheduler-subsample", "rerun-incomplete", "keep-going"):
        assert default[key] == slurm[key], key


@pytest.fixture
def submit():
    return runpy.run_path(str(GENERIC / "submit.py"))


def test_submit_asks_for_what_the_job_needs(submit, tmp_path):
    needs = {"threads": 4, "resources": {"mem_mb": 4000, "runtime": 80, "gpu": 1}}
    command = submit["submit_command"](
        {"type": "group", "groupid": "x", **needs}, logs=tmp_path, extra=["--account=lab"]
    )
    assert command[0] == "sbatch"
    assert {"--cpus-per-task=4", "--mem=4000", "--time=80", "--gpus=1"} <= set(command)
    assert command[-1] == "--account=lab"
    assert submit["job_id"]("71;cluster\n") == "71"


def test_submit_refuses_a_script_that_says_nothing_of_its_job(submit, tmp_path):
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/sh\ntrue\n")
    with pytest.raises(ValueError, match=r"job\.sh: no line begins with '# properties"):
        submit["read_properties"](script)


def fake(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def call(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


def test_submit_hands_the_script_over_and_prints_the_number(tmp_path):
    fake(tmp_path, "sbatch", 'echo "$@" > called; echo 12')
    properties = {"rule": "fit_mlp", "threads": 1, "resources": {"mem_mb": 9, "runtime": 5}}
    script = tmp_path / "a job.sh"
    script.write_text(f"#!/bin/sh\n# properties = {json.dumps(properties)}\ntrue\n")
    done = call(tmp_path, sys.executable, str(GENERIC / "submit.py"), str(script))
    assert (done.returncode, done.stdout) == (0, "12\n")
    called = (tmp_path / "called").read_text()
    assert "--job-name=facewave-fit_mlp" in called
    assert called.endswith(f"--time=5 {script}\n")
    fake(tmp_path, "sbatch", "exit 3")
    done = call(tmp_path, sys.executable, str(GENERIC / "submit.py"), str(script))
    assert done.returncode == 1
    assert "failed with exit code 3" in done.stderr


@pytest.mark.parametrize(
    ("controller", "database", "answer"),
    [
        ("JobId=7 JobState=RUNNING Reason=None", "", "running"),
        ("JobId=7 JobState=PENDING Reason=Priority", "", "running"),
        ("JobId=7 JobState=COMPLETED Reason=None", "", "success"),
        ("JobId=7 JobState=OUT_OF_MEMORY Reason=None", "", "failed"),
        ("", "COMPLETED", "success"),
        ("", "CANCELLED by 0", "failed"),
        ("", "", "failed"),
    ],
)
def test_status_of_a_job(tmp_path, controller, database, answer):
    fake(tmp_path, "scontrol", f'[ "$1" = ping ] && echo "x is UP" || echo "{controller}"')
    fake(tmp_path, "sacct", f'echo "{database}"')
    assert call(tmp_path, str(GENERIC / "status.sh"), "7").stdout == f"{answer}\n"


def test_status_waits_while_nobody_answers(tmp_path):
    fake(tmp_path, "scontrol", "exit 1")
    fake(tmp_path, "sacct", "exit 1")
    assert call(tmp_path, str(GENERIC / "status.sh"), "7").stdout == "running\n"
