"""Words that name an emotion, mood or feeling: what a description must not say."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Stems; any ending of up to five letters counts with them where `*` stands.
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
_PATTERN = "|".join(stem.replace("*", "[a-z]{0,5}") for stem in _STEMS.split())


def banned_pattern(more: Iterable[str] = ()) -> re.Pattern[str]:
    """Return what finds emotion words, and further words, as whole words in any case."""
    others = "".join(f"|{re.escape(word)}" for word in more if word.strip())
    return re.compile(rf"\b(?:{_PATTERN}{others})\b", re.IGNORECASE)


def banned_words(text: str, pattern: re.Pattern[str]) -> list[str]:
    """Return the banned words of a text in lower case, in their order, each once."""
    return list(dict.fromkeys(match.group().lower() for match in pattern.finditer(text)))
