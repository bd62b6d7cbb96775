"""What `snakemake explain` measured, where it has run."""

from matplotlib.figure import Figure

from facewave.storage.atomic import write_json
from tests.report.report_page import write


def test_the_explanation_is_shown(artefacts, written_report, tmp_path):
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
    write_json(
        tmp_path / "importance.json",
        {
            **{"repeats": 7, "uar": 0.5, "unit": "subjects", "units": 5},
            "importance": [importance],
        },
    )
    Figure(figsize=(3, 2)).savefig(tmp_path / "importance.png", dpi=100)
    files = sorted(path for path in tmp_path.iterdir() if path.is_file())
    path, page = write(artefacts, tmp_path, explanation=files)
    assert "with all its columns together, 7 times" in page.words()
    text = path.read_text(encoding="utf-8")
    row = text[text.index("<td>region</td>") :].split("</tr>")[0]
    assert "mouth" in row
    assert "1,234" in row
    assert "12.5" in row
    assert '<img src="data:image/png;base64,' in text
    assert 'width="300" height="200"' in text
    without = written_report[0].read_text(encoding="utf-8")
    assert 'id="explanation"' not in without
    assert "#explanation" not in without
