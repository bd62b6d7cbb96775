import pytest

from facewave.evaluation.published import published_scores

SEVEN = ["neutral", "happy", "sad", "angry", "surprise", "disgust", "fear"]


def test_published_scores_belong_to_the_usual_class_list():
    dfew = {line.method: line for line in published_scores("dfew", SEVEN)}
    assert (dfew["MAE-DFER"].uar, dfew["MAE-DFER"].war) == pytest.approx((0.6341, 0.7443))
    assert len(dfew) == 11
    assert len(published_scores("ferv39k", ["Happiness", *SEVEN[:1], *SEVEN[2:]])) == 7
    assert published_scores("mafw", SEVEN) == []
    eleven = [*SEVEN, "contempt", "anxiety", "helplessness", "disappointment"]
    assert len(published_scores("mafw", eleven)) == 7
    assert published_scores("table", SEVEN) == []
