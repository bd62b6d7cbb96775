"""The pages in a real browser: what clicks and keys do, at every width, light and dark."""

import re
import time

import pytest

from tests.predict_page.run_files import HOSTILE

WIDTHS = (320, 768, 1600)


class Page:
    """An open page, and what it complained about or asked for."""

    def __init__(self, browser, path):
        self.context = browser.new_context(viewport={"width": 1280, "height": 800})
        self.page = self.context.new_page()
        self.problems, self.requests = [], []
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        if "videos" in path.parts:
            self.wait("document.getElementById('video').readyState >= 1")

    def wait(self, script):
        """Wait until something is true; the page's policy forbids Playwright's own way."""
        end = time.monotonic() + 20
        while not self.value(script):
            assert time.monotonic() < end, script
            self.page.wait_for_timeout(20)

    def value(self, script):
        return self.page.evaluate(script)

    def key(self, name):
        self.page.keyboard.press(name)

    def settle(self):
        """Wait until the video is where it was sent."""
        self.wait("!document.getElementById('video').seeking")

    @property
    def times(self):
        """Where the video is, and where the timeline says that it is, seconds."""
        self.settle()
        shown = float(self.page.get_attribute("#timeline", "aria-valuenow"))
        return self.value("document.getElementById('video').currentTime"), shown

    def at(self, seconds):
        return self.times == pytest.approx((seconds, seconds), abs=0.06)

    def close(self):
        """Close the page, with which nothing may have gone wrong."""
        assert self.problems == []
        assert all(url.startswith("file:") for url in self.requests), self.requests
        assert self.value("document.title") != "taken"
        self.context.close()


@pytest.fixture(scope="module")
def opened(browser, run_files):
    """A function that opens a page of the run."""
    pages = []

    def start(name):
        pages.append(Page(browser, run_files.predictions.parent / name))
        return pages[-1]

    yield start
    for page in pages:
        page.close()


@pytest.fixture(scope="module")
def video_page(opened):
    return opened("videos/first.html")


@pytest.fixture
def video(video_page):
    """The page of a video, at its beginning, all of it in view."""
    for key in ("Home", "0"):
        video_page.key(key)
    video_page.value("scrollTo(0, 0)")
    return video_page


@pytest.fixture(scope="module")
def index(opened):
    return opened("index.html")


def place(page, part):
    """Return the point of the timeline at a part of its width."""
    box = page.page.locator("#timeline").bounding_box()
    return box["x"] + part * box["width"], box["y"] + 100


def test_a_click_and_a_drag_move_the_video(video):
    video.page.mouse.click(*place(video, 0.3))
    assert video.at(0.3 * 9.9)
    video.page.mouse.move(*place(video, 0.3))
    video.page.mouse.down()
    video.page.mouse.move(*place(video, 0.5), steps=4)
    video.page.mouse.move(*place(video, 0.7), steps=4)
    assert video.at(0.7 * 9.9)
    video.page.mouse.up()
    video.page.mouse.move(*place(video, 0.1))
    assert video.at(0.7 * 9.9)


def test_the_video_moves_the_timeline(video):
    video.value("void (document.getElementById('video').currentTime = 4.2)")
    video.wait("document.getElementById('timeline').getAttribute('aria-valuenow') === '4.2'")
    assert video.page.inner_text("#clock").startswith("0:04.2")


def test_playing_moves_the_timeline(video):
    video.value("void (document.getElementById('video').muted = true)")
    video.key("Space")
    # The player says a moment later that it plays.
    video.wait("document.getElementById('play').innerText === 'Pause'")
    video.wait("+document.getElementById('timeline').getAttribute('aria-valuenow') > 0.3")
    video.key("Space")
    video.wait("document.getElementById('play').innerText === 'Play'")
    assert video.value("document.getElementById('video').paused")


def test_keys(video):
    for key, seconds in (
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("Shift+ArrowRight", 2.04),
        ("ArrowLeft", 1.04),
        # Events: a smile at 3.2 s, the face lost at 6.0, another smile at 9.3.
        ("k", 3.2),
        ("k", 6.0),
        ("k", 9.3),
        ("k", 9.3),
        ("j", 6.0),
        ("j", 3.2),
        ("j", 0),
        ("End", 9.9),
        ("Home", 0),
    ):
        video.key(key)
        assert video.at(seconds), (key, seconds, video.times)


def test_events_are_buttons(video):
    buttons = video.page.locator("#events button")
    texts = [text.split(" ", 1) for text in buttons.all_inner_texts()]
    assert [text[0].strip() for text in texts] == ["0:03.2", "0:06.0", "0:09.3"]
    assert "strongest smile (0.90)" in buttons.nth(0).inner_text()
    assert "face lost for 2.0 s" in buttons.nth(1).inner_text()
    buttons.nth(1).click()
    assert video.at(6)
    assert buttons.nth(1).get_attribute("aria-current") == "true"


def test_space_presses_the_button_that_has_the_focus(video):
    video.page.focus("#next")
    video.key("Space")
    assert video.at(3.2)
    assert video.value("document.getElementById('video').paused")


def test_numbers_are_those_of_the_moment(video):
    video.key("k")
    # At 3.2 s the second window (1 to 5 s) is shown, whose middle is nearest: p = 0.05, 0.6, 0.35.
    values = [text.strip() for text in video.page.locator("#classes b").all_inner_texts()]
    assert values == ["5 %", "60 %", "35 %"]
    smile = video.page.locator("#shapes button", has_text="mouthSmile").locator("b")
    assert smile.inner_text() == "0.90"
    text = video.page.get_attribute("#timeline", "aria-valuetext")
    assert re.fullmatch(r"0:03\.2, happy.* 60 %, not to be trusted", text, re.DOTALL)
    assert video.page.inner_text("#said").startswith("happy")
    assert HOSTILE.split("\u2028")[0] in video.page.inner_text("#said")
    video.key("End")
    assert video.page.locator("#classes b").all_inner_texts() == ["–"] * 3


def test_a_line_can_be_switched_off(video):
    before = video.value("document.getElementById('lines').toDataURL()")
    button = video.page.locator("#shapes button", has_text="mouthSmile")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert video.value("document.getElementById('lines').toDataURL()") != before
    button.click()
    assert video.value("document.getElementById('lines').toDataURL()") == before


def test_zoomed_in_a_click_goes_to_what_is_shown(video):
    video.page.mouse.click(*place(video, 0.5))
    video.key("+")
    video.page.wait_for_timeout(100)
    # Half of the video about its middle is shown: from 2.475 to 7.425 s.
    video.page.mouse.click(*place(video, 0))
    assert video.times[0] == pytest.approx(2.475, abs=0.1)
    video.key("0")
    video.page.wait_for_timeout(100)
    video.page.mouse.click(*place(video, 0.9))
    assert video.times[0] == pytest.approx(0.9 * 9.9, abs=0.1)


def names(page):
    return page.page.locator("#videos tbody tr:visible th bdi:first-of-type").all_inner_texts()


def test_the_list_is_sorted_by_click_and_by_key(index):
    page = index
    assert names(page) == ["first", "second", "broken"]
    head = page.page.locator("#videos thead th", has_text="Face found")
    head.locator("button").click()
    assert names(page) == ["broken", "first", "second"]
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").focus()
    page.key("Enter")
    assert names(page) == ["second", "first", "broken"]
    assert head.get_attribute("aria-sort") == "descending"
    for title, expected in (
        ("Answer", ["first", "second", "broken"]),
        ("Trust", ["broken", "second", "first"]),
        ("Video", ["first", "second", "broken"]),
    ):
        page.page.locator("#videos thead th", has_text=title).locator("button").click()
        assert names(page) == expected, title
    assert page.page.locator("#videos [aria-sort]").count() == 1


def test_the_list_is_searched(index):
    index.page.fill("#find", "ANGRY fir")
    assert names(index) == ["first"]
    assert index.page.inner_text("#found") == "1 of 3"
    index.page.fill("#find", "")
    assert len(names(index)) == 3


def test_from_the_list_to_a_video_and_back(index):
    index.page.click("text=second")
    assert index.page.inner_text("h1") == "second"
    index.page.click("text=All videos of")
    assert index.page.inner_text("h1") == "my & run"


@pytest.mark.parametrize("name", ["index", "video_page"])
def test_no_width_scrolls_sideways_and_text_can_be_read(name, request):
    shown = request.getfixturevalue(name)
    before = shown.page.viewport_size
    for scheme in ("light", "dark"):
        shown.page.emulate_media(color_scheme=scheme)
        background = shown.value("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")
        for width in WIDTHS:
            shown.page.set_viewport_size({"width": width, "height": 800})
            assert shown.value("document.documentElement.scrollWidth") <= width
            assert shown.value(LEAST_CONTRAST) >= 4.5
    shown.page.set_viewport_size(before)


# The lowest contrast of any text with the nearest background that is not transparent.
LEAST_CONTRAST = """() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parts(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let least = 21;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const shown = walker.currentNode.textContent.trim() && element.checkVisibility();
    if (!shown || element.closest("script, noscript, [aria-hidden]")) continue;
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(behind(element))];
    least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  return least;
}"""
