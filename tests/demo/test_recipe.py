"""The list of clips of the demo, and their fingerprints."""

import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.demo import recipe
from facewave.demo.recipe import DemoClip, demo_clips, recipe_fingerprint
from tests.demo.demo_clip import CLASSES


@given(subjects=st.integers(1, 120), takes=st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_ids_are_unique_and_safe_as_file_names(subjects: int, takes: int) -> None:
    clips = demo_clips(subjects=subjects, takes=takes, classes=CLASSES)
    ids = [c.clip_id for c in clips]
    assert len(set(ids)) == len(ids) == subjects * takes * len(CLASSES)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in ids)
    assert {c.relative_path for c in clips} == {f"{name}.mp4" for name in ids}


def test_a_clip_says_what_it_is() -> None:
    first, *_, last = demo_clips(subjects=3, takes=2, classes=["neutral", "happy"])
    assert first == DemoClip("s01_neutral_t1", "s01", "neutral", "t1", "s01_neutral_t1.mp4")
    assert last.clip_id == "s03_happy_t2"


def test_more_subjects_or_takes_keep_the_clips_that_there_were() -> None:
    few = demo_clips(subjects=2, takes=1, classes=CLASSES)
    assert set(few) <= set(demo_clips(subjects=12, takes=3, classes=CLASSES))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ["happy", "contempt"]}, r"'contempt'.*neutral, happy, sad"),
        ({"classes": ["happy", "happy"]}, "twice"),
        ({"subjects": 0}, "subjects must be at least 1"),
        ({"takes": 0}, "takes must be at least 1"),
    ],
)
def test_a_bad_list_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        demo_clips(**{"subjects": 1, "takes": 1, "classes": CLASSES, **options})


def test_the_recipe_is_read_without_the_image_libraries() -> None:
    code = (
        "import sys, facewave.demo.recipe\n"
        "print(*{'cv2', 'numpy', 'scipy', 'skimage', 'mediapipe'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_fingerprint_changes_with_every_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    base = recipe_fingerprint("s01_happy_t1", size=256, fps=25, seed=1)
    others = [
        recipe_fingerprint("s01_happy_t2", size=256, fps=25, seed=1),
        recipe_fingerprint("s01_happy_t1", size=128, fps=25, seed=1),
        recipe_fingerprint("s01_happy_t1", size=256, fps=24.5, seed=1),
        recipe_fingerprint("s01_happy_t1", size=256, fps=25, seed=2),
    ]
    monkeypatch.setattr("facewave.demo.recipe.RECIPE_VERSION", "test")
    others.append(recipe_fingerprint("s01_happy_t1", size=256, fps=25, seed=1))
    monkeypatch.setattr("facewave.demo.expressions.RELAX", {})
    recipe._tables.cache_clear()
    others.append(recipe_fingerprint("s01_happy_t1", size=256, fps=25, seed=1))
    recipe._tables.cache_clear()
    assert re.fullmatch("[0-9a-f]{64}", base)
    assert len({base, *others}) == 7


def test_the_fingerprint_does_not_depend_on_how_a_number_is_written() -> None:
    whole = recipe_fingerprint("a", size=256, fps=25, seed=1)
    assert whole == recipe_fingerprint("a", size=256, fps=25.0, seed=1)
