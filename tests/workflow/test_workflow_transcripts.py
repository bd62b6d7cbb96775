"""`snakemake transcribe`: flags, what runs again, and texts joined to the manifest."""

import csv
import json

import pyarrow.parquet as pq
import pytest
import yaml

from facewave.manifest.clips import read_manifest
from facewave.pretrained import PINS
from facewave.upkeep.prune import prune_store
from tests.speech.sound_files import noise, silence, write_clip
from tests.workflow.workflow import computed, shards, snakemake

pytestmark = pytest.mark.workflow
WHISPER = "openai/whisper-small"


def write_project(work, *, texts=None, **transcripts):
    config = {
        "enabled": ["small"],
        "buckets": 1,
        "classes": ["happy", "sad"],
        "datasets": {
            "small": {"adapter": "table", "root": "videos", "table": "labels.csv", "texts": texts}
        },
        "transcripts": {"engine": "pocketsphinx", "text_is_speech": True, **transcripts},
    }
    (work / "config.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    work = tmp_path_factory.mktemp("transcripts")
    videos = work / "videos"
    videos.mkdir()
    write_clip(videos / "noise.mkv", noise(0.6))
    write_clip(videos / "hush.mkv", silence(0.6))
    write_clip(videos / "mute.mp4")
    rows = ["noise.mkv,happy,by the door", "hush.mkv,sad,", "mute.mp4,sad,"]
    (videos / "labels.csv").write_text("\n".join(["file_path,label,text", *rows]) + "\n")
    write_project(work)
    return work


def test_clips_to_transcripts_to_the_manifest(work):
    results = work / "results/small"
    first = snakemake(work, "--", "transcribe")
    assert first.jobs == {
        "transcribe_clips": 1, "build_own_manifest": 1, "write_transcripts": 1, "transcribe": 1,
    }  # fmt: skip
    table = pq.read_table(results / "transcripts.parquet").to_pylist()
    assert {row["clip_id"]: row["flag"] for row in table} == {
        "noise": table[0]["flag"], "hush": "silence", "mute": "no_audio",
    }  # fmt: skip
    assert table[0]["flag"] in ("", "no_speech")
    assert all(row["text"] is None for row in table[1:])
    assert {row["engine"] for row in table} == {"pocketsphinx"}
    with (results / "transcripts.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    assert [row["flag"] for row in cells] == [row["flag"] for row in table]
    summary = json.loads((results / "transcripts.json").read_text())
    assert (summary["clips"], summary["flags"]["silence"], summary["flags"]["no_audio"]) == (
        3,
        1,
        1,
    )
    assert summary["word_errors"]["words"] == 3
    assert "Nothing to be done" in snakemake(work, "--", "transcribe").output

    # A changed clip is heard again, the others are not; what was made becomes the manifest's text.
    before = shards(work, "transcripts")
    assert len(before) == 3
    write_clip(work / "videos/hush.mkv", silence(0.7))
    write_project(work, texts={"from": "transcripts", "replace": True})
    manifest = "results/small/manifest.parquet"
    again = snakemake(work, "--", manifest)
    assert again.jobs == {"transcribe_clips": 1, "write_transcripts": 1, "build_manifest": 1}
    assert len(computed(before, shards(work, "transcripts"))) == 1
    heard = {row["clip_id"]: row["text"] for row in table}
    assert {clip.clip_id: clip.text for clip in read_manifest(work / manifest)} == heard

    # A table of one's own: joined when it changes, missed when it is not there.
    (work / "captions.csv").write_text("clip_id,text\nhush,A room.\n")
    write_project(work, texts={"from": "captions.csv"})
    assert snakemake(work, "--", manifest).jobs == {"build_manifest": 1}
    (work / "captions.csv").write_text("clip_id,text\nhush,A large room.\n")
    assert snakemake(work, "--", manifest).jobs == {"build_manifest": 1}
    texts = {clip.clip_id: clip.text for clip in read_manifest(work / manifest)}
    assert texts == {"noise": "by the door", "hush": "A large room.", "mute": None}
    write_project(work, texts={"from": "caption.csv"})
    failed = snakemake(work, "-n", "--", manifest, check=False)
    assert failed.code != 0
    assert "datasets.small.texts.from: caption.csv: no such file" in failed.output

    # The transcript of the clip as it was is named by no index any more.
    found = prune_store(work / "results", work / "results/store", apply=True, safe_seconds=0)
    assert len(found.removed) == 1
    assert len(shards(work, "transcripts")) == 3


def test_what_is_missing_is_said(work):
    write_project(work, engine="whisper", model="/nowhere/whisper")
    failed = snakemake(work, "--", "transcribe", check=False)
    assert failed.code != 0
    assert "transcripts.model: /nowhere/whisper: there is no such folder" in failed.output


def test_whisper_is_asked_for_by_its_pinned_commit(work, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(work / "empty"))
    write_project(work, engine="whisper")
    failed = snakemake(work, "--", "transcribe", check=False)
    assert f"{WHISPER}, revision {PINS[WHISPER]}: HF_HUB_OFFLINE is set" in failed.output
