"""Descriptions: banned words, flags, the choice of examples."""

import pytest

from facewave.annotation.checks import (
    FLAGS,
    TextRules,
    clean,
    looks_chinese,
    looks_english,
    repeats_itself,
    shared_texts,
    summary,
    text_flags,
)
from facewave.annotation.emotion_words import banned_pattern, banned_words
from facewave.annotation.examples import ExamplesError, choose_examples, near_duplicates_of
from facewave.manifest.clips import Clip
from facewave.prompts.questions import CHAT_TEMPLATES, chat_template, render

CLASSES = ("neutral", "happy", "sad")
BANNED = banned_pattern(["helpless", "weird."])
RULES = TextRules(min_words=5, max_words=30, banned=BANNED)
GOOD = "A man in a dark room lowers his brows and turns towards the window."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A man smiles and raises his brows; tears run down.", []),
        ("She looks Angrily at him, HAPPIER than before", ["angrily", "happier"]),
        ("sadness, sad, sad", ["sadness", "sad"]),
        ("Saddle, anglers, madam, hanger, garage, shared, borders", []),
        ("a fearful, frightened, unhappy, emotionless face", ["fearful", "frightened", "unhappy",
                                                               "emotionless"]),
        ("neutral expression, surprised, disgusted, feelings", ["neutral", "surprised", "disgusted",
                                                                "feelings"]),
        ("he is helpless; it is weird.", ["helpless", "weird."]),
    ],
)  # fmt: skip
def test_banned_words_by_hand(text, words):
    found = banned_words(text, banned_pattern(["helpless", "weird"]))
    assert [word.rstrip(".") for word in found] == [word.rstrip(".") for word in words]


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (GOOD, []),
        ("", ["missing"]),
        (" .. ", ["missing"]),
        ("He is happy in the dark room with a lamp.", ["banned"]),
        ("A man nods.", ["short"]),
        (" ".join(["and the man"] + [f"word{i} of the" for i in range(12)]) + ".", ["long"]),
        ("A man in a dark room lowers his", ["cut"]),
        ("The man nods. The man nods. The man nods.", ["repetitive"]),
        ("on the left side and on the left side and on the left side.", ["repetitive"]),
        ("Ein Mann sitzt nachdenklich vor dem Fenster und schweigt.", ["language"]),
        ("一个男人坐在房间里看着窗外。", ["language"]),
        ("sad", ["banned", "short", "cut"]),
    ],
)
def test_flags_by_hand(text, flags):
    assert text_flags(clean(text), RULES) == flags


def test_every_flag_is_known_and_prompts_follow_their_own_rules():
    assert set(FLAGS) >= {"missing", "banned", "repetitive", "language", "short", "long", "cut"}
    assert looks_english(CHAT_TEMPLATES["annotation"])
    assert not repeats_itself(CHAT_TEMPLATES["annotation"])


def test_texts_that_several_clips_have():
    texts = {"a": "A man nods.", "b": "a man  nods", "c": "A man sits.", "d": "", "e": ""}
    assert shared_texts(texts) == {"a": 2, "b": 2}


def test_summary_by_hand():
    texts = {"a": GOOD, "b": "He is sad and sad.", "c": ""}
    flags = {name: text_flags(text, RULES) for name, text in texts.items()}
    found = summary(texts, flags, {"a": 1, "b": 3, "c": 3}, RULES)
    assert found["clips"] == 3
    assert found["described"] == 2
    assert found["without_flag"] == 1
    assert found["words"] == {"least": 5, "median": 9.5, "most": 14}
    assert found["banned_words"] == {"sad": 1}
    assert found["flags"]["missing"] == found["flags"]["banned"] == 1
    assert found["asked_again"] == 2


# Examples


def described(count=24, **changes):
    clips = []
    for index in range(count):
        label = index % 3
        values = {"text": f"A person in room {index} nods.", "fold": None, "split": None}
        values |= {name: function(index) for name, function in changes.items()}
        clips.append(Clip(f"m{index}", "x.mp4", index, label, CLASSES[label], **values))
    return clips


def choose(clips, **changes):
    given = {
        "classes": CLASSES,
        "per_class": 2,
        "neutral": 1,
        "held_out_folds": None,
        "excluded": set(),
        "usable": {clip.clip_id for clip in clips},
        "banned": BANNED,
        "seed": 1,
    }
    return choose_examples(clips, **{**given, **changes})


def test_examples_are_balanced_seeded_and_mixed():
    clips = described()
    chosen = choose(clips)
    names = [clip.actual for clip in chosen]
    assert sorted(names) == ["happy", "happy", "neutral", "neutral", "neutral", "sad", "sad"]
    assert names != sorted(names)
    assert chosen == choose(list(reversed(clips)))
    assert {clip.clip_id for clip in choose(clips, seed=2)} != {c.clip_id for c in chosen}
    assert choose(clips, per_class=0, neutral=0) == []


def test_examples_never_come_from_where_they_must_not():
    clips = described(
        60,
        fold=lambda i: str(1 + i % 5),
        split=lambda i: ("train", "test", None, "val")[i % 4],
        text=lambda i: None if i % 7 == 0 else ("so sad" if i % 7 == 1 else "A man nods."),
    )
    excluded = {clip.clip_id for clip in clips[20:24]}
    usable = {clip.clip_id for clip in clips if clip.video_idx % 11}
    options = {"per_class": 1, "held_out_folds": ["2"], "excluded": excluded, "usable": usable}
    for seed in range(30):
        for clip in choose(clips, seed=seed, **options):
            assert clip.text == "A man nods."
            assert clip.fold != "2"
            assert clip.split in ("train", None)
            assert clip.clip_id not in excluded
            assert clip.clip_id in usable


def test_too_few_examples_are_named_with_the_reason():
    clips = described(9, text=lambda i: "He is sad." if i == 2 else "A man nods.")
    with pytest.raises(ExamplesError, match=r"sad \(2 of 3\); skipped clips: 1 with a banned word"):
        choose(clips, per_class=3, neutral=0)
    assert len(choose(clips, per_class=3, neutral=0, banned=None)) == 9


def test_folds_must_be_held_out():
    clips = described(fold=lambda i: str(1 + i % 5))
    with pytest.raises(ExamplesError, match=r"has the folds 1, 2, 3, 4, 5.*\['1'\]"):
        choose(clips)
    with pytest.raises(ExamplesError, match="found '6', expected folds"):
        choose(clips, held_out_folds=["6"])
    with pytest.raises(ExamplesError, match="it has none: give null"):
        choose(described(), held_out_folds=["1"])


def test_near_duplicates_of_the_target_whichever_side_they_are_on():
    rows = [
        {"dataset_a": "dfew", "clip_a": "d1", "dataset_b": "mafw", "clip_b": "m1"},
        {"dataset_a": "mafw", "clip_a": "m2", "dataset_b": "dfew", "clip_b": "d2"},
        {"dataset_a": "mafw", "clip_a": "m3", "dataset_b": "other", "clip_b": "o1"},
    ]
    found = near_duplicates_of(rows, target="dfew", examples="mafw")
    assert found == {"m1": "d1", "m2": "d2"}


# Chinese

CHINESE = TextRules(min_words=8, max_words=40, banned=BANNED, language="zh")
SITS = "一个男人坐在昏暗的房间里，低着头，慢慢转向窗户。"


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (SITS, []),
        ("他穿着一件T恤，站在门口，看着iPad。", []),
        ("一个男人很悲伤地坐在房间里看着窗外。", ["banned"]),
        ("她看起来很sad，坐在房间里。", ["banned"]),
        ("他点头。", ["short"]),
        (GOOD, ["language"]),
        ("男の人が部屋にすわって、まどのそとをみている。", ["language"]),
        ("他点点头。他点点头。他点点头。", ["repetitive"]),
        ("穿红衣的女人看着他，穿红衣的女人走开，穿红衣的女人坐下。", []),
        ("一个男人坐在昏暗的房间里，低着头", ["cut"]),
        ("", ["missing"]),
    ],
)
def test_flags_of_chinese_texts_by_hand(text, flags):
    assert text_flags(clean(text), CHINESE) == flags


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("他很生气，非常愤怒，也有点焦虑。", ["生气", "怒", "焦虑"]),
        ("她面无表情地坐着", ["面无表情"]),
        ("音乐响起，桌上有一件乐器和一个苹果，恐怕要下雨。", []),
        ("他很helpless", ["helpless"]),
        ("他快哭了，眉毛下垂，嘴角上扬，在笑", []),
        ("讨人厌的猫", ["厌"]),
    ],
)
def test_banned_words_of_chinese_texts_by_hand(text, words):
    assert banned_words(text, BANNED) == words


def test_class_names_in_chinese_are_banned_wherever_they_stand():
    assert banned_words("这是其他情况", banned_pattern(["其他"])) == ["其他"]


def test_examples_in_another_language_are_skipped():
    clips = described(9, text=lambda i: SITS if i % 2 else "A man nods.")
    chosen = choose(clips, per_class=1, neutral=0, language="zh")
    assert {clip.text for clip in chosen} == {SITS}
    with pytest.raises(ExamplesError, match="5 in another language"):
        choose(clips, per_class=2, neutral=0, language="zh")


def test_the_request_in_chinese_follows_its_own_rules():
    request = CHAT_TEMPLATES["annotation_zh"]
    assert looks_chinese(request)
    assert not repeats_itself(request, language="zh")
    # It has no blanks, and is no template's name all the same.
    assert render(chat_template("annotation_zh", text=False)) == request
    assert chat_template("这个人有什么情绪？", text=False) == "这个人有什么情绪？"
