from facewave.datasets.sex import sex_of


def test_of_the_actors_whose_release_says_so():
    ravdess = [sex_of("ravdess", f"{actor:02d}") for actor in range(1, 25)]
    assert ravdess[:2] == ["male", "female"]
    assert ravdess.count("female") == 12
    assert sex_of("ravdess_tracks", "02") == "female"
    crema_d = [sex_of("crema_d", str(actor)) for actor in range(1001, 1092)]
    assert (crema_d.count("male"), crema_d.count("female")) == (48, 43)
    assert [crema_d[i] for i in (0, 1, 4, 90)] == ["male", "female", "male", "female"]


def test_of_others_it_is_not_known():
    for adapter, subject in [("dfew", "1"), ("ravdess", "25"), ("ravdess", None), ("crema_d", "x")]:
        assert sex_of(adapter, subject) is None
