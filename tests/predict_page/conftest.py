"""A finished run with its pages, and a browser to look at them."""

import os
import shutil

import pytest

from tests.predict_page.run_files import build

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def run_files(tmp_path_factory):
    """The files of a run; its pages lie beside its tables."""
    return build(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium: $FACEWAVE_TEST_BROWSER, or the one of the system."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("FACEWAVE_TEST_BROWSER") or next(
        filter(None, map(shutil.which, BROWSERS)), None
    )
    if path is None:
        pytest.skip(f"no browser ({', '.join(BROWSERS)}; or set FACEWAVE_TEST_BROWSER)")
    with playwright.sync_playwright() as running:
        # Without a sandbox of its own, which containers do not allow; the pages are ours.
        found = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()
