"""The question that a model is asked, and the strict reading of its answer."""

import pytest

from facewave.prompts.questions import PromptError, parse_answer, reads_text, render, template_of

CLASSES = ("neutral", "happy", "sad")


def test_the_prompt_lists_the_classes_and_asks_for_one_word():
    question = render("question", classes=("happy", "sad"))
    assert question.startswith("answer en ")
    assert "happy, sad" in question
    assert "one word" in question


def test_the_clip_s_own_text_is_shown_if_the_template_says_so():
    assert "a {smile}" in render("question_text", classes=("a", "b"), text="a {smile}")
    assert reads_text("question_text")
    assert not reads_text("question")
    assert "nothing is known" in render("question_text", classes=("a", "b"))
    assert render("Say {classes}", classes=("a", "b")) == "Say a, b"
    assert "\n" not in render("question_text", classes=("a",), text="two\nlines")


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("questoin", "no template 'questoin'; write the whole question or one of question"),
        ("Which of {labels}?", r"no field \{labels\}; there are \{classes\}"),
        ("Which of {classes?", "vlm.prompt"),
    ],
)
def test_templates_that_cannot_be_used_are_refused(prompt, message):
    with pytest.raises(PromptError, match=message):
        template_of(prompt)


# Answers


@pytest.mark.parametrize(
    "answer",
    [
        "happy",
        "Happy",
        "HAPPY",
        " happy ",
        "happy.",
        "Happy.\n",
        "\thappy .",
        "\nhappy\n\n",
        "happy。",
    ],
)
def test_answers_that_name_a_class(answer):
    assert parse_answer(answer, CLASSES) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "", " ", ".", "..", "happy..", "happy!", "happy?", "happy,", "happy, sad", "happy or sad",
        "happy and sad", "unhappy", "not happy", "happiness", "hap", "happyhappy", "h a p p y",
        '"happy"', "'happy'", "**happy**", "<b>happy</b>", "`happy`", "(happy)", "[happy]",
        "1", "1. happy", "1) happy", "Answer: happy", "The answer is happy", "emotion: happy",
        "The person shows happy.", "happy\nsad", "happy\n\nThe person smiles.", "joy", "none",
        "neutral, happy, sad", "I cannot tell", "unknown", "happу", "hаppy", "快乐", "😀",
        "{classes}", "null", "None", '{"emotion": "happy"}', "happy\u200b", "A", "<|im_end|>",
    ],
)  # fmt: skip
def test_answers_that_name_none(answer):
    assert parse_answer(answer, CLASSES) is None


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("happy", 1),
        (" Happy.\n", 1),
        ("SAD", 2),
        ("happiness", None),
        ("happy or sad", None),
        ("unhappy", None),
        ("happy!", None),
        ("", None),
        (".", None),
    ],
)
def test_answers_are_read_strictly(answer, wanted):
    assert parse_answer(answer, ("neutral", "happy", "sad")) == wanted


def test_compound_classes_are_read_whole():
    classes = ("anger", "anger_disgust")
    assert [parse_answer(name, classes) for name in classes] == [0, 1]
