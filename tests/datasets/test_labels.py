"""What cells of tables mean: labels by word, by number and by meaning; one spelling for names."""

from facewave.datasets.labels import label_indexes, one_spelling

CLASSES = ["neutral", "happy", "sad", "angry"]
NUMBERED = {"1": "neutral", "2": "happy", "3": "sad", "4": "angry"}


def read(cells, label_names=None, classes=CLASSES):
    problems, notes = [], []
    found = label_indexes(cells, classes, label_names, problems=problems, notes=notes)
    return found, problems, notes


def test_words_that_mean_a_class():
    found, problems, notes = read(["Happiness", "HAP", "anger", "Sad", "happiness "])
    assert (found, problems) == ([1, 1, 3, 2, 1], [])
    assert notes == [
        "label 'HAP': read as happy", "label 'Happiness': read as happy",
        "label 'anger': read as angry", "label 'happiness ': read as happy",
    ]  # fmt: skip


def test_a_word_that_could_mean_two_classes_is_refused():
    _, problems, _ = read(["hap"], classes=["happy", "joy"])
    assert problems[0][1].startswith("label 'hap': unknown")
    assert read(["joy", "happy"], classes=["happy", "joy"])[0] == [1, 0]


def test_accents_in_both_forms_of_unicode():
    assert read(["fro\u0308hlich"], classes=["fr\u00f6hlich"])[0] == [0]


def test_numbers_count_from_zero():
    assert read(["0", "3", "1.0", "02"]) == ([0, 3, 1, 2], [], [])


def test_numbers_that_count_from_one_are_refused_with_the_line_to_write():
    _, problems, _ = read(["1", "2", "3", "4", "4"])
    (general,) = [text for index, text in problems if index == -1]
    assert "labels from 1 to 4 without a 0" in general
    assert "label_names: {1: neutral, 2: happy, 3: sad, 4: angry}" in general
    assert [index for index, _ in problems if index >= 0] == [3, 4]
    assert read(["1", "2", "3", "4", "4"], NUMBERED) == ([0, 1, 2, 3, 3], [], [])


def test_numbers_that_may_count_from_one_are_noted():
    found, problems, notes = read(["1", "3", "2"])
    assert (found, problems) == ([1, 3, 2], [])
    assert notes[0].startswith("no label is 0 (neutral)")
    assert read(["1", "2"], NUMBERED)[2] == []


def test_a_number_too_large_is_no_table_that_counts_from_one():
    _, problems, _ = read(["0", "1", "4"])
    assert [index for index, _ in problems] == [2]


def test_one_spelling_of_a_number():
    notes = []
    cells = ["1", "01", "1.0", "2", None, "02x", "1"]
    assert one_spelling("subject", cells, notes) == ["1", "1", "1", "2", None, "02x", "1"]
    assert notes == ["subject '01', '1.0': read as '1'"]


def test_spellings_that_differ_otherwise_stay():
    notes = []
    cells = ["01", "02", "aB3", "Ab3", "1.5", "-1"]
    assert one_spelling("source", cells, notes) == cells
    assert notes == []


def test_one_form_of_unicode():
    notes = []
    assert one_spelling("subject", ["Zo\u00eb", "Zoe\u0308"], notes) == ["Zo\u00eb"] * 2
    assert len(notes) == 1


def test_a_name_is_nfc_whoever_wrote_it():
    notes = []
    assert one_spelling("subject", ["Jose\u0301", None, "s1"], notes) == ["Jos\u00e9", None, "s1"]
    assert notes == []
