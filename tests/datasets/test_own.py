"""The adapter of one's own code: the example of the docs, and what is wrong."""

import re
from pathlib import Path

from tests.datasets.release_trees import problems, put, put_text, read

DOCS = Path(__file__).parents[2] / "docs" / "datasets.md"


class TestOwn:
    def test_the_example_of_the_docs(self, tmp_path):
        text = DOCS.read_text(encoding="utf-8")
        code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
        assert len(code.splitlines()) < 40
        module = tmp_path / "my_dataset.py"
        module.write_text(code, encoding="utf-8")
        put(tmp_path / "clips" / "a.mp4")
        put(tmp_path / "clips" / "b.mp4")
        put_text(tmp_path / "people.txt", ["a.mp4 anna glad", "b.mp4 bert gloomy"])
        options = {"words": {"glad": "happy", "gloomy": "sad"}}
        first, second = read("own", tmp_path, module=str(module), options=options)
        assert (first.actual, first.subject, second.actual) == ("happy", "anna", "sad")

    def test_what_is_wrong(self, tmp_path):
        module = tmp_path / "mine.py"
        assert "no such Python file" in problems("own", tmp_path, module=str(module))
        module.write_text("x = 1\n")
        assert "has no function `load`" in problems("own", tmp_path, module=str(module))
        module.write_text("def load(options, *, classes, root):\n    return []\n")
        assert "load returned list, expected" in problems("own", tmp_path, module=str(module))
