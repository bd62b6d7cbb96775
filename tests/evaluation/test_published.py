import pytest

from facewave.evaluation.published import published_scores

SEVEN = ["neutral", "happy", "sad", "angry", "surprise", "disgust", "fear"]
ELEVEN = [*SEVEN, "contempt", "anxiety", "helplessness", "disappointment"]


def test_published_scores_belong_to_the_usual_class_list():
    dfew = {line.method: line for line in published_scores("dfew", SEVEN)}
    assert (dfew["MAE-DFER"].uar, dfew["MAE-DFER"].war) == pytest.approx((0.6341, 0.7443))
    assert len(dfew) == 19
    assert len(published_scores("ferv39k", ["Happiness", *SEVEN[:1], *SEVEN[2:]])) == 10
    assert published_scores("mafw", SEVEN) == []
    assert len(published_scores("mafw", ELEVEN)) == 15
    assert published_scores("table", SEVEN) == []


def test_datasets_of_actors_have_a_reference():
    (video,) = published_scores("ravdess", [*SEVEN, "calm"])
    assert (video.method, video.uar, video.war) == ("MAE-DFER", 0.7591, 0.7556)
    six = ["neutral", "happy", "sad", "angry", "disgust", "fear"]
    video, both, zero_shot = published_scores("crema_d", six)
    assert (video.method, video.uar) == ("MAE-DFER", pytest.approx(0.773))
    assert (both.takes, both.uar) == ("video and sound", pytest.approx(0.8494))
    assert (zero_shot.takes, zero_shot.war) == ("video", pytest.approx(0.566))


@pytest.mark.parametrize(("adapter", "classes"), [("dfew", SEVEN), ("mafw", ELEVEN)])
def test_every_row_says_where_it_stands_and_none_is_in_percent(adapter, classes):
    for line in published_scores(adapter, classes):
        assert line.source
        assert line.takes.startswith("video")
        assert 0.25 < line.war < 0.9
        assert (line.uar is None) == (line.method == "S4D")
