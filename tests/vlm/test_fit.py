"""Jobs of the toy models on small files: stages, heads, controls, kills, the cache, two ranks."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facewave.config.check import check_config
from facewave.evaluation.evaluate import evaluate_folds, read_folds
from facewave.evaluation.predictions import INVALID_ANSWER, read_predictions
from facewave.face.channels import VIDEO
from facewave.manifest.clips import Clip, write_manifest
from facewave.manifest.targets import read_targets, targets_of, write_targets
from facewave.storage.atomic import write_text
from facewave.storage.store import shard_path
from facewave.storage.tables import format_rows
from facewave.tracking.track_index import TRACK_COLUMNS
from facewave.vlm.faces.model import FaceVlm
from facewave.vlm.fine_tuning.job_inputs import Job, read_job_inputs, training_key
from facewave.vlm.fine_tuning.launch import launch, launch_ranks
from facewave.vlm.plan import chosen_targets, model_params, vlm_section
from facewave.vlm.training.weights import load_state
from tests.features.shards import write_trajectory
from tests.splits.split_files import write_split
from tests.video.media import face_frames, write_video

CLASSES = ("neutral", "happy", "sad")
SHAPES = {"landmarks": (2, 478, 3), "blendshapes": (2, 52), "blendshape_energy": (3, 52)}
TRACKS = {"landmarker": {"max_faces": 4}}
PARTS = {"train": 12, "val": 4, "test": 5}
SECTION = {
    "model": "tiny-random",
    "qwen": {"model": "tiny-random-qwen", "frames": 2, "max_pixels": 3136},
    "inputs": list(SHAPES),
    "dtype": "float32",
    **{"width": 16, "heads": 2, "soft_prefix": 2, "lora_rank": 2, "lora_alpha": 4},
    **{"frame_choice": "uniform", "gpus": 0, "accumulation": 2, "learning_rate": 0.005},
    "stages": {
        "adaptation": {"share": 0.5, "epochs": 2},
        "fine_tuning": {"share": 0.4, "epochs": 2},
    },
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Splits, manifest and track index of 21 clips that share one small video; one has none."""
    folder = tmp_path_factory.mktemp("vlm")
    video = write_video(folder / "face.mp4", face_frames(6, width=96, height=96, side=96))
    random = np.random.default_rng(0)
    clips, rows = [], []
    for part, count in PARTS.items():
        labels = np.arange(count) % len(CLASSES)
        columns = {"clip_id": [f"{part}{i}" for i in range(count)], "label": labels}
        columns["valid"] = np.arange(count) > 0
        for name, shape in SHAPES.items():
            columns[name] = random.normal(size=(count, int(np.prod(shape))))
            columns[name][0] = 0
        made = {"features": {"align": "transform"}, "channels": str(VIDEO)}
        write_split(
            folder / f"{part}.parquet",
            {**columns, "subject": [f"{part}-{i % 2}" for i in range(count)]},
            classes=CLASSES,
            shapes=SHAPES,
            features=made,
            more={"tracks": TRACKS},
        )
        for clip_id, label in zip(columns["clip_id"], labels, strict=True):
            index = len(clips)
            score = (("valence", int(label) + index / 100),) if clip_id != "test3" else None
            clips.append(
                Clip(clip_id, str(video), index, int(label), CLASSES[label], targets=score)
            )
            known = {"clip_id": clip_id, "key": f"key{index}", "frames": 6, "fps": 25.0}
            if clip_id == "test0":
                known |= {"key": "", "frames": 0}
            else:
                write_trajectory(shard_path(folder / "store", "tracks", known["key"]), 6)
            rows.append(dict.fromkeys(TRACK_COLUMNS, "") | known)
    write_manifest(clips, folder / "manifest.parquet", folder / "manifest.csv", metadata={})
    write_targets(targets_of(clips), folder / "targets.parquet")
    write_text(folder / "tracks.tsv", format_rows(TRACK_COLUMNS, rows))
    return folder


def job(
    files: Path,
    target: Path,
    *,
    family="paligemma",
    stage="adaptation",
    control="full",
    start=None,
    **changes,
):
    section = vlm_section(check_config({"vlm": {**SECTION, **changes}}), family)
    names = chosen_targets(section, ["valence"], dataset="d")
    options = model_params(section, control=control, stage=stage, targets=names)
    names = {"weights": "weights.safetensors", "metrics": "metrics.csv", "steps": "steps.csv"}
    names |= {"predictions": "predictions.parquet", "movement": "movement.csv"}
    return Job(
        manifest=str(files / "manifest.parquet"),
        targets=str(files / "targets.parquet") if section["head"] == "regression" else None,
        tracks=[str(files / "tracks.tsv")],
        store=str(files / "store"),
        splits={part: str(files / f"{part}.parquet") for part in PARTS},
        outputs={name: str(target / stage / file) for name, file in names.items()},
        options=options,
        default_fps=25.0,
        seed=5,
        version=1,
        threads=1,
        checkpoints=str(target / "checkpoints"),
        start=None if start is None else start.outputs["weights"],
    )


@pytest.fixture(scope="module")
def adapted(files, tmp_path_factory):
    done = job(files, tmp_path_factory.mktemp("adapted"))
    launch(done, gpus=0)
    return done


def answers(done):
    return read_predictions(done.outputs["predictions"])


def test_a_stage_writes_weights_tables_and_answers(adapted):
    state, metadata = load_state(Path(adapted.outputs["weights"]))
    assert (metadata["stage"], metadata["clips"], metadata["classes"]) == (
        *("adaptation", 6),
        list(CLASSES),
    )
    assert not [name for name in state if "vision_tower" in name or "layers" in name.split(".")[:2]]
    found = answers(adapted)
    assert found.clip_ids[0] == "val0"
    assert found.valid.tolist() == [False, *[True] * 3, False, *[True] * 4]
    # The faces differ, and now they are seen.
    assert np.ptp(found.probabilities[1:4], axis=0).max() > 1e-4
    assert not any(Path(adapted.checkpoints).iterdir())


def test_adaptation_leaves_lora_alone_and_fine_tuning_starts_from_it(files, adapted, tmp_path):
    tuned = job(files, tmp_path, stage="fine_tuning", start=adapted)
    launch(tuned, gpus=0)
    before, after = (load_state(Path(done.outputs["weights"]))[0] for done in (adapted, tuned))
    assert before.keys() == after.keys()
    # LoRA's second factor starts at 0.
    assert all((before[name] == 0).all() for name in before if "lora_B" in name)
    assert any((after[name] != 0).any() for name in after if "lora_B" in name)
    projector = [name for name in before if name.startswith("projector")]
    assert projector
    assert all((before[name] == after[name]).all() for name in projector)
    assert any((before[name] != after[name]).any() for name in before if "face" in name)


def test_how_far_each_part_moved_is_written(adapted):
    header, *rows = Path(adapted.outputs["movement"]).read_text().splitlines()
    assert header == "module,part,parameters,scale,change,moved"
    moved = {row.split(",")[0]: float(row.split(",")[-1]) for row in rows}
    assert {"face.encoder", "face.gate", "face.out", "soft_prefix", "projector"} <= moved.keys()
    assert not [name for name in moved if name.startswith("lora")]
    assert min(moved.values()) > 0


@pytest.fixture(scope="module")
def adapted_qwen(files, tmp_path_factory):
    done = job(files, tmp_path_factory.mktemp("qwen"), family="qwen")
    launch(done, gpus=0)
    return done


def test_qwen_goes_through_the_same_stages(files, adapted_qwen, tmp_path):
    tuned = job(files, tmp_path, family="qwen", stage="fine_tuning", start=adapted_qwen)
    launch(tuned, gpus=0)
    before, after = (load_state(Path(d.outputs["weights"])) for d in (adapted_qwen, tuned))
    assert before[0].keys() == after[0].keys()
    changed = {n.split(".")[0] for n in before[0] if not before[0][n].equal(after[0][n])}
    assert changed == {"face", "soft_prefix", "lora"}
    assert after[1]["face_shapes"] == [[name, list(shape)] for name, shape in SHAPES.items()]
    found = answers(tuned)
    assert found.valid.tolist() == [False, *[True] * 3, False, *[True] * 4]
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)
    assert np.ptp(found.probabilities[1:4], axis=0).max() > 1e-4


def test_a_killed_job_of_qwen_ends_as_one_that_was_not(files, adapted_qwen, tmp_path, monkeypatch):
    forward, left = FaceVlm.forward, [3]

    def dying(self, batch):
        left[0] -= self.training
        if left[0] < 0:
            raise KeyboardInterrupt
        return forward(self, batch)

    killed = job(files, tmp_path, family="qwen", checkpoint_steps=1)
    with monkeypatch.context() as patch:
        patch.setattr(FaceVlm, "forward", dying)
        with pytest.raises(KeyboardInterrupt):
            launch(killed, gpus=0)
    assert list(Path(killed.checkpoints).glob("*/checkpoint.safetensors"))
    launch(killed, gpus=0)
    for name in ("metrics", "movement"):
        wanted = Path(adapted_qwen.outputs[name]).read_bytes()
        assert Path(killed.outputs[name]).read_bytes() == wanted
    one, other = (load_state(Path(d.outputs["weights"]))[0] for d in (killed, adapted_qwen))
    assert all(one[name].equal(other[name]) for name in one)


def test_live_and_cached_images_give_the_same_answers(files, adapted, tmp_path):
    cached = job(files, tmp_path, cache_images=True)
    launch(cached, gpus=0)
    kept = list((files / "store" / "image_features").rglob("*.safetensors"))
    # The clips of both stages' parts have 21 videos' keys, of which the stage sees 6 + 4 + 5.
    assert len(kept) == 15
    np.testing.assert_allclose(
        answers(cached).probabilities, answers(adapted).probabilities, atol=1e-5
    )
    inputs = read_job_inputs(cached)
    assert training_key(cached, inputs) == training_key(adapted, read_job_inputs(adapted))


@pytest.mark.parametrize("family", ["paligemma", "qwen"])
def test_frame_and_face_are_shown_together(files, tmp_path, family):
    """PaliGemma is shown two images of a frame, Qwen one that is wider."""
    both = job(files, tmp_path, family=family, image="both")
    inputs = read_job_inputs(both)
    assert inputs.reader(both).count == (1 if family == "paligemma" else 2)
    launch(both, gpus=0)
    assert answers(both).parts == ["val"] * 4 + ["test"] * 5
    if family == "paligemma":
        cached = job(files, tmp_path / "cached", family=family, image="both", cache_images=True)
        launch(cached, gpus=0)
        np.testing.assert_allclose(
            answers(cached).probabilities, answers(both).probabilities, atol=1e-5
        )


@pytest.mark.parametrize("family", ["paligemma", "qwen"])
def test_every_control_trains(files, tmp_path, family):
    seen = {}
    for control in ("no_face", "face_only", "shuffled_faces"):
        done = job(files, tmp_path / control, family=family, control=control)
        launch(done, gpus=0)
        seen[control] = answers(done).probabilities
    # Without a face all images are alike, but for the grey one of the clip without a video.
    assert np.ptp(seen["no_face"][:4], axis=0).max() < 1e-6
    assert np.ptp(seen["face_only"][1:4], axis=0).max() > 1e-4


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rate": 0.004},
        {"rates": {"gate": 7}},
        {"dropout": 0.2},
        {"mirror": False},
        {"inputs": ["landmarks"]},
        {"width": 32},
        {"stages": {"adaptation": {"share": 0.4, "epochs": 2}}},
        {"frames": 2},
        {"class_weights": "none"},
        {"use_text": True},
    ],
    ids=str,
)
def test_every_option_is_in_the_key(files, adapted, changes):
    other = job(files, Path(adapted.outputs["weights"]).parents[1], **changes)
    assert training_key(other, read_job_inputs(other)) != training_key(
        adapted, read_job_inputs(adapted)
    )


def test_seed_start_and_version_are_in_the_key(files, adapted, tmp_path):
    inputs = read_job_inputs(adapted)
    keys = {training_key(adapted, inputs), training_key(replace(adapted, seed=6), inputs)}
    keys.add(training_key(replace(adapted, version=2), inputs))
    keys.add(training_key(replace(adapted, start=adapted.outputs["weights"]), inputs))
    keys.add(training_key(adapted, inputs, commit="0" * 40))
    assert len(keys) == 5


def test_values_of_targets_are_in_the_key_of_a_regression(files, tmp_path):
    names = ("valence",)
    values = read_targets(files / "targets.parquet", names)
    given = {clip_id: dict(zip(names, row, strict=True)) for clip_id, row in values.items()}
    write_targets({**given, "train1": {"valence": 9.0}}, tmp_path / "t.parquet")
    one = job(files, tmp_path, head="regression")
    other = replace(one, targets=str(tmp_path / "t.parquet"))
    assert len({training_key(each, read_job_inputs(each)) for each in (one, other)}) == 2


def test_generated_answers_that_name_no_class_are_a_class_of_their_own(files, tmp_path):
    done = job(files, tmp_path, head="generate")
    launch(done, gpus=0)
    found = answers(done)
    assert found.classes == (*CLASSES, INVALID_ANSWER)
    assert found.labels.max() < len(CLASSES)
    assert np.isin(found.probabilities.round(6), (0, 1)).all()
    header, *rows = Path(done.outputs["metrics"]).read_text().splitlines()
    # In training a generating model names no class: that score is not known.
    assert rows[0].split(",")[header.split(",").index("train_uar")] == "nan"


def test_real_values_are_predicted_beside_the_mean(files, tmp_path):
    targets = {"columns": ["valence"], "score": "rmse"}
    done = job(files, tmp_path, head="regression", targets=targets)
    launch(done, gpus=0)
    header = Path(done.outputs["metrics"]).read_text().splitlines()[0].split(",")
    scored = [name for name in header if name.startswith("val_") and name != "val_loss"]
    assert scored == ["val_rmse", "val_mae", "val_pearson", "val_ccc"]
    found = read_predictions(done.outputs["predictions"])
    assert found.targets == ("valence",)
    # One test clip has no target.
    assert found.parts == ["val"] * 4 + ["test"] * 4
    assert found.truth[:2].ravel().tolist() == [0.12, 1.13]
    scores = evaluate_folds(read_folds([done.outputs["predictions"]], [done.splits["train"]]))
    assert scores["n"] == 4
    assert scores["n_invalid"] == 1
    assert scores["mean_of_training"][0]["pearson"] is None
    true, said = found.truth[4:, 0], found.predicted[4:, 0]
    assert scores["targets"][0]["mae"] == pytest.approx(np.abs(true - said).mean())
    # Of the whole training part, of which the stage sees one half.
    np.testing.assert_allclose(found.baseline, 1.055)
    state, _ = load_state(Path(done.outputs["weights"]))
    assert state["head.mean"].tolist() == pytest.approx([1.055])
    with pytest.raises(ValueError, match="would mean nothing"):
        read_folds([done.outputs["predictions"]], [done.splits["test"]])


def test_a_gpu_that_is_not_there_is_refused(files, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match=r"vlm\.gpus: 0"):
        launch(job(files, tmp_path), gpus=1)


def test_a_video_that_is_gone_is_named(files, tmp_path):
    from facewave.video.decode import UnreadableVideoError

    one = job(files, tmp_path)
    inputs = read_job_inputs(one)
    reader = inputs.reader(one)
    assert reader.images("test0").shape == (1, 64, 64, 3)
    assert reader.images("test1").shape == (1, 96, 96, 3)
    media = {"test1": replace(inputs.media["test1"], path=str(tmp_path / "gone.mp4"))}
    with pytest.raises(UnreadableVideoError, match=r"gone\.mp4 \(clip test1\)"):
        replace(reader, media=media).images("test1")


def test_processes_share_the_job_s_threads(files, tmp_path, monkeypatch):
    seen = {}

    def run(command, *, check, env):
        seen.update(json.loads(Path(command[-1]).read_text()), env=env["OMP_NUM_THREADS"])
        return subprocess.CompletedProcess(command, returncode)

    returncode = 0
    monkeypatch.setattr("facewave.vlm.fine_tuning.launch.subprocess.run", run)
    launch_ranks(replace(job(files, tmp_path), threads=5), count=2)
    assert (seen["threads"], seen["env"]) == (2, "2")
    returncode = 1
    with pytest.raises(RuntimeError, match="one of 2 processes failed"):
        launch_ranks(job(files, tmp_path), count=2)
    assert not list(tmp_path.rglob("job.json"))


@pytest.mark.slow
def test_two_processes_give_the_answers_of_one(files, adapted, tmp_path):
    done = job(files, tmp_path)
    launch_ranks(done, count=2)
    np.testing.assert_allclose(
        answers(done).probabilities, answers(adapted).probabilities, atol=1e-4
    )
    one, other = (json.dumps(Path(d.outputs["metrics"]).read_text()[:40]) for d in (done, adapted))
    assert one == other
