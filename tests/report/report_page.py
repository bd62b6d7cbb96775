"""Writes a report and reads its page."""

from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

from facewave.report.page import write_report
from facewave.report.templating import environment


class Page(HTMLParser):
    """Tags with their attributes, text, table rows, and cards by clip in their order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.rows, self.text, self._cards, self._in_cell = [], [], "", [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True
        elif tag == "li":
            self._cards.append(SimpleNamespace(clip="", text="", images=[]))
        elif tag == "img" and self._cards:
            self._cards[-1].images.append(dict(attrs)["src"])

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._in_cell = False
        if tag == "strong" and self._cards and not self._cards[-1].clip:
            self._cards[-1].clip = self._cards[-1].text.split()[-1]

    def handle_data(self, data):
        self.text += data
        if self._in_cell:
            self.rows[-1][-1] += data
        if self._cards:
            self._cards[-1].text += data

    @property
    def cards(self):
        """Return the cards of the lists; what follows the last one is not its text."""
        for card in self._cards:
            card.text = " ".join(card.text.partition(".mp4")[0].split()) + ".mp4"
        return self._cards

    def words(self):
        """Return the text with single blanks."""
        return " ".join(self.text.split())

    def row(self, first):
        """Return the cells of the rows with this first cell, its own left out."""
        cells = [[" ".join(cell.split()) for cell in row] for row in self.rows if row]
        return [row[1:] for row in cells if row[0] == first]


def merged(config, changes):
    """Return a configuration with other values in some of its sections."""
    return config | {
        key: merged(config[key], value) if isinstance(value, dict) else value
        for key, value in changes.items()
    }


def changed(artefacts, *, config=None, **changes):
    """Return artefacts with other files, settings (by name) or values of the configuration."""
    files, settings = artefacts
    own = {name: value for name, value in changes.items() if hasattr(settings, name)}
    others = {name: value for name, value in changes.items() if name not in own}
    own["config"] = merged(settings.config, config or {})
    return replace(files, **others), replace(settings, **own)


def write(artefacts, folder, **changes):
    """Write a report; return its path and the parsed page."""
    html = folder / "report.html"
    write_report(*changed(artefacts, **changes), html=html, subgroups=folder / "subgroups.csv")
    return html, Page(html.read_text(encoding="utf-8"))


def render(template, content, **changes):
    """Return a section of the page, with other content than that of the artefacts."""
    return Page(environment().get_template(template).render(content | changes))
