"""The report's wrong answers, and the explanation where there is one."""

from matplotlib.figure import Figure

from facewave.report.page import write_report
from facewave.storage.atomic import write_json
from tests.report.report_files import build


def test_wrong_answers_and_the_explanation_are_shown(tmp_path):
    artefacts = build(tmp_path / "data")
    importance = {
        "kind": "region",
        "name": "mouth",
        "columns": 1234,
        "uar_drop": 0.125,
        "low": 0.05,
        "high": 0.2,
        "uar_std": 0.01,
        "loss_rise": 0.3,
    }
    write_json(tmp_path / "importance.json", {"repeats": 7, "uar": 0.5, "importance": [importance]})
    Figure(figsize=(3, 2)).savefig(tmp_path / "importance.png", dpi=100)
    files = sorted(path for path in tmp_path.iterdir() if path.is_file())
    page = tmp_path / "page.html"
    write_report(output=page, quality_csv=tmp_path / "q.csv", explanation=files, **artefacts)
    text = page.read_text(encoding="utf-8")
    assert "exchanged between the test clips of a fold, all its columns together, 7 times" in text
    row = text[text.index("<td>region</td>") :].split("</tr>")[0]
    assert "mouth" in row
    assert "1,234" in row
    assert "12.5" in row
    assert '<img src="data:image/png;base64,' in text
    assert 'width="300" height="200"' in text
    assert "Wrong answers" in text
    write_report(output=page, quality_csv=tmp_path / "q.csv", **artefacts)
    without = page.read_text(encoding="utf-8")
    assert "Wrong answers" in without
    assert 'id="explanation"' not in without
    assert "#explanation" not in without
