"""A decoder that crashes or hangs in every process, for clips of certain names.

No fixture file is bad enough. Python runs `sitecustomize` at the start of every process.
"""

_SITE = """
import ctypes, os, sys, time
import av
opened = av.open
def open_bad(path, *arguments, **options):
    if "segfault" in str(path):
        ctypes.string_at(0)
    while "endless" in str(path):
        pass
    if os.environ.get("WAITING_CLIP") and os.environ["WAITING_CLIP"] in str(path):
        time.sleep(600)
    return opened(path, *arguments, **options)
av.open = open_bad
"""


def write_bad_decoder(folder):
    """Write it to a folder for PYTHONPATH."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_SITE)
    return folder
