import numpy as np
from PIL import Image

from facewave.evaluation.figures import draw_confusion, draw_scatter
from facewave.evaluation.metrics import evaluate
from tests.evaluation.predicted import predicted_values


def test_confusion_matrix(tmp_path):
    path = tmp_path / "out" / "confusion.png"
    scores = evaluate([0, 0, 1], [0, 1, 1], classes=("calm", "$x_1$", "angry")).to_json()
    draw_confusion(path, scores, title="demo")
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert min(image.size) > 400
    before = path.read_bytes()
    draw_confusion(path, scores, title="demo")
    assert path.read_bytes() == before


def test_scatter_has_one_panel_per_target(tmp_path):
    wide, narrow = tmp_path / "wide.png", tmp_path / "narrow.png"
    folds = [
        predicted_values(["a", "b"], [[1, 2], [3, 4]], [[1, 2], [3, 5]]),
        predicted_values([], [], []),
    ]
    draw_scatter(wide, folds, title="demo, $x_1$")
    draw_scatter(
        narrow, [predicted_values(["a"], [[1]], [[2]], targets=("valence",))], title="demo"
    )
    sizes = []
    for path in (wide, narrow):
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert len(np.unique(np.asarray(image.convert("L")))) > 10
            sizes.append(image.size)
    assert sizes[0][0] == 2 * sizes[1][0]
    assert sizes[0][1] == sizes[1][1]
