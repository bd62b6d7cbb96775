import numpy as np
import pyarrow.parquet as pq
import pytest

from facewave import __version__
from facewave.evaluation.predictions import (
    RegressionPredictions,
    read_class_predictions,
    read_predictions,
    write_predictions,
)
from tests.evaluation.predicted import predicted_classes, predicted_values
from tests.splits.split_files import CLASSES, toy, write_split


def test_predictions_round_trip(tmp_path):
    path = tmp_path / "p.parquet"
    answers = predicted_classes(
        ["a", "b"], [0, 1], [0, 2], valid=[True, False], parts=["val", "test"]
    )
    write_predictions(path, answers)
    again = read_predictions(path)
    assert (again.clip_ids, again.parts) == (["a", "b"], ["val", "test"])
    assert again.labels.tolist() == [0, 1]
    assert again.predicted.tolist() == [0, 2]
    assert again.valid.tolist() == [True, False]
    np.testing.assert_array_equal(again.probabilities, answers.probabilities)
    assert again.metadata == {
        "seed": 3,
        "model": "mlp",
        "classes": list(CLASSES),
        "facewave": __version__,
    }
    before = path.read_bytes()
    write_predictions(path, answers)
    assert path.read_bytes() == before


def test_predictions_reader_refuses_other_files(tmp_path):
    with pytest.raises(ValueError, match="not a predictions file: lacks part, predicted"):
        read_predictions(write_split(tmp_path / "split.parquet", toy(3)))
    (tmp_path / "text.parquet").write_text("x")
    with pytest.raises(ValueError, match="not a readable Parquet file"):
        read_predictions(tmp_path / "text.parquet")
    answers = predicted_classes(["a"], [7], [0])
    write_predictions(tmp_path / "p.parquet", answers)
    with pytest.raises(ValueError, match="column 'label' has 7 to 7, but the classes are 0 to 2"):
        read_predictions(tmp_path / "p.parquet")


def test_columns_of_both_kinds(tmp_path):
    write_predictions(tmp_path / "c.parquet", predicted_classes(["a"], [0], [1]))
    write_predictions(tmp_path / "v.parquet", predicted_values(["a"], [[1, 2]], [[3, 4]]))
    classes, numbers = (pq.read_schema(tmp_path / f"{name}.parquet") for name in "cv")
    assert {name: str(classes.field(name).type) for name in classes.names} == {
        "clip_id": "string",
        "part": "string",
        "label": "int32",
        "predicted": "int32",
        "valid": "bool",
        "probability": "fixed_size_list<element: float>[3]",
    }
    lists = "fixed_size_list<element: double>[2]"
    assert {name: str(numbers.field(name).type) for name in numbers.names} == {
        "clip_id": "string",
        "part": "string",
        "target": lists,
        "predicted": lists,
        "baseline": lists,
        "valid": "bool",
    }


def test_values_round_trip(tmp_path):
    path = tmp_path / "p.parquet"
    answers = predicted_values(
        ["a", "b"], [[1, 2], [3, 4]], [[0.1, 0.2], [0.3, 0.4]], parts=["val", "test"]
    )
    write_predictions(path, answers)
    again = read_predictions(path)
    assert isinstance(again, RegressionPredictions)
    assert again.targets == ("valence", "arousal")
    for name in ("truth", "predicted", "baseline", "valid"):
        np.testing.assert_array_equal(getattr(again, name), getattr(answers, name))
    assert again.metadata["targets"] == ["valence", "arousal"]
    tested = again.of_part("test")
    assert (tested.clip_ids, tested.parts) == (["b"], ["test"])
    assert tested.truth.tolist() == [[3, 4]]
    assert again.of_part("train").predicted.shape == (0, 2)
    with pytest.raises(ValueError, match="holds values of valence, arousal, not classes"):
        read_class_predictions(path)
