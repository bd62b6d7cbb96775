"""Words for emotions, moods and feelings, English and Chinese, which no description may contain."""

from __future__ import annotations

import re
from collections.abc import Iterable

from facewave.text.words import OTHER, han_count

# Stems; `*` stands for any ending of up to five letters.
_STEMS = (
    "afraid aggressive* agitat* alarm* amaz* amus* ang(er|ered|ry|rily|rier|riest) anguish* "
    "annoy* anxi(ety|ous|ously) apprehensi* asham* astonish* awe awkward* betray* bitter* "
    "bor(ed|edom) calm* cheer* concern(ed)? confus* contempt* content(ed|ment)? delight* "
    "depress* despair* desperat* despis* despond* devastat* disappoint* disapprov* disdain* "
    "disgust* dismay* displeas* distress* distraught dread* eager* ecsta* elat* embarrass* "
    "emotion* empath* enjoy* enrag* enthusias* envy envious euphor* exasperat* excit* "
    "expressionless fear* feel(ing|ings|s)? felt frantic* fright* frustrat* furi(ous|ously) "
    "fury gleeful* gloom* grie(f|ve|ved|ving) grump* guilt* happ(y|ily|iness|ier|iest) hate* "
    "hatred heartbroken helpless* hopeless* horrif* hostil* hurt indifferen* indignan* "
    "insecur* irrita* jealous* joy* jubilan* lonel* loath* mad(ly|ness)? melanchol* "
    "merr(y|ily) miser(y|able|ably) mood* mourn* nervous* neutral* offend* outrag* overjoyed "
    "panic* peaceful* pity pleas(ed|ure) proud* rage* relax(ed)? reliev* remors* repuls* "
    "resent* revuls* sad(ly|ness|der|dest)? scare* scared scary scorn* seren* shame* shock* "
    "sorrow* startl* stress(ed|ful)? sulk* surpris* suspicio* sympath* tens(e|ion)? terrif* "
    "terror threaten* tired* triumph* troubled uncomfortable uneas* unhapp* upset* vex* "
    "worr(y|ied|ies|ying) wrath*"
)
# Found wherever they stand: Chinese has no blanks between words.
_CHINESE = (
    "情绪 情感 心情 感情 感受 感到 感觉 觉得 中性 中立 无表情 面无表情 平静 冷静 镇定 安详 "
    "淡定 高兴 开心 快乐 欢乐 愉快 愉悦 喜悦 欣喜 欢喜 喜欢 狂喜 幸福 得意 满意 满足 欣慰 "
    "兴奋 激动 热情 放松 轻松 悲 伤心 伤感 哀伤 难过 难受 痛苦 心痛 愁 忧 沮丧 失望 失落 "
    "绝望 无助 委屈 郁闷 抑郁 孤独 寂寞 怒 生气 气愤 恼火 愤恨 恨 敌意 烦躁 烦恼 不耐烦 "
    "暴躁 恐惧 恐慌 恐怖 惊 害怕 惧怕 可怕 畏惧 慌张 慌乱 诧异 厌 恶心 嫌弃 反感 轻蔑 蔑视 "
    "鄙视 鄙夷 不屑 嘲讽 焦虑 焦急 着急 紧张 担心 担忧 不安 尴尬 害羞 羞愧 羞耻 内疚 愧疚 "
    "后悔 懊悔 嫉妒 羡慕 自豪 骄傲 同情 怜悯 感动 疲惫 疲倦"
)
_PATTERN = "|".join(stem.replace("*", "[a-z]{0,5}") for stem in _STEMS.split())


def banned_pattern(more: Iterable[str] = ()) -> re.Pattern[str]:
    """Return a pattern that finds emotion words, and further words, in any letter case.

    Only whole words are found; Chinese ones also as part of another word.
    """
    others = [word.strip() for word in more if word.strip()]
    chinese = [*_CHINESE.split(), *(word for word in others if han_count(word))]
    english = [_PATTERN, *(re.escape(word) for word in others if not han_count(word))]
    # Longer ones first, so that the whole word is reported.
    parts = "|".join(map(re.escape, sorted(chinese, key=len, reverse=True)))
    whole = rf"(?<!{OTHER})(?:{'|'.join(english)})(?!{OTHER})"
    return re.compile(f"{whole}|{parts}", re.IGNORECASE)


def banned_words(text: str, pattern: re.Pattern[str]) -> list[str]:
    """Return the banned words of a text in lower case, in order of appearance, each once."""
    return list(dict.fromkeys(match.group().lower() for match in pattern.finditer(text)))
