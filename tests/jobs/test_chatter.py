"""MediaPipe's lines stay out of the log; what is not known to be one of them is kept."""

import os
import subprocess
import sys

import pytest

from facewave.jobs.chatter import is_chatter, without_chatter

TIME = "00:00:1795739057.597339   21591"
CHATTER = [
    "WARNING: Logging before InitGoogle() is written to STDERR",
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    f"W0000 {TIME} face_landmarker_graph.cc:181] Sets FaceBlendshapesGraph acceleration to xnnpack",
    f"W1127 {TIME} inference_feedback_manager.cc:121] Feedback manager requires a model with a "
    "single signature inference. Disabling support for feedback tensors.",
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
    f"I0000 {TIME} gl_context_egl.cc:85] Successfully initialized EGL. Major : 1 Minor: 5",
]
TOLD = [
    f"W0000 {TIME} some_calculator.cc:7] the input is odd",
    f"E0000 {TIME} face_landmarker_graph.cc:181] no model",
    "Traceback (most recent call last):",
    "INFO: something else",
    "libEGL.so.1: cannot open shared object file",
    "a line about inference_feedback_manager.cc",
]


@pytest.mark.parametrize("line", CHATTER)
def test_what_is_chatter(line):
    assert is_chatter(line + "\n")


@pytest.mark.parametrize("line", TOLD)
def test_what_is_not(line):
    assert not is_chatter(line + "\n")


def test_a_child_s_lines_are_filtered_and_its_last_words_arrive(capfd):
    lines = "\n".join([CHATTER[0], TOLD[0], CHATTER[3], "no line end"])
    code = f"import os; os.write(2, {lines!r}.encode()); os.kill(os.getpid(), 9)"
    with without_chatter():
        subprocess.run([sys.executable, "-c", code], check=False)
    os.write(2, b"\nafter\n")
    assert capfd.readouterr().err == f"{TOLD[0]}\nno line end\nafter\n"


def test_much_at_once_blocks_nobody(capfd):
    line = f"b'x' * 50 + b'\\n' + {CHATTER[0]!r}.encode() + b'\\n'"
    code = f"import os\nfor i in range(4000): os.write(2, {line})"
    with without_chatter():
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert capfd.readouterr().err == ("x" * 50 + "\n") * 4000


def test_an_error_in_the_block_leaves_stderr_as_it_was(capfd):
    with pytest.raises(ValueError, match="inside"), without_chatter():
        raise ValueError("inside")
    os.write(2, CHATTER[0].encode())
    assert capfd.readouterr().err == CHATTER[0]
