"""Prompts are made in threads: tokenizers give the same there, and long texts are no trouble."""

import pytest

from facewave.jobs.ahead import ahead
from facewave.prompts.questions import shorten
from facewave.vlm.class_names import class_names
from facewave.vlm.inputs.conversation import Turn
from facewave.vlm.paligemma.batch import prompt_ids
from facewave.vlm.paligemma.toy import tiny_processor
from facewave.vlm.qwen.toy import tiny_qwen_processor
from tests.vlm.split_names import PIECES

LONG = "A woman in a red coat looks at the sea and says nothing. " * 200


def paligemma_ids():
    processor = tiny_processor(PIECES)

    def make(number):
        text = shorten(LONG[number:900], processor.tokenizer, tokens=200 + number)
        return prompt_ids(processor, f"answer {number} <image> {text}", images=number % 3)

    return make


def qwen_ids():
    processor = tiny_qwen_processor(PIECES, max_pixels=3136)

    def make(number):
        text = LONG[number : 100 * number]
        class_names(processor.tokenizer, ("disgust", "disappointment"))
        return processor([[Turn(text=text)], [Turn(text="short")]])["input_ids"].tolist()

    return make


@pytest.mark.parametrize("maker", [paligemma_ids, qwen_ids])
def test_prompts_made_in_threads_are_those_made_one_by_one(maker):
    make = maker()
    alone = [make(number) for number in range(16)]
    assert len({len(str(ids)) for ids in alone}) > 10
    for _ in range(2):
        assert list(ahead(make, range(16), threads=8)) == alone


def test_a_text_of_thousands_of_tokens_is_read_whole_and_padded_beside_a_short_one():
    processor = tiny_qwen_processor(PIECES, max_pixels=3136)
    batch = processor([[Turn(text=LONG)], [Turn(text="short")]])
    length = batch["input_ids"].shape[1]
    assert length > 4000
    assert processor.tokenizer.decode(batch["input_ids"][0]).count("red coat") == 200
    shown = int(batch["attention_mask"][1].sum())
    assert batch["attention_mask"][1].tolist() == [0] * (length - shown) + [1] * shown
    [alone] = processor([[Turn(text="short")]])["input_ids"].tolist()
    assert batch["input_ids"][1, -shown:].tolist() == alone


def test_the_first_error_ends_what_is_made_ahead():
    begun = []

    def fails(number):
        begun.append(number)
        if number == 2:
            raise ValueError("two")
        return number

    made = ahead(fails, range(1000), threads=2, count=4)
    assert [next(made), next(made)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(made)
    assert len(begun) < 10
