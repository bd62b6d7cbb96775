"""PocketSphinx, whose model of US English comes with its package: it needs no network.

Huggins-Daines, D. et al. (2006). PocketSphinx: a free, real-time continuous speech recognition
system for hand-held devices. ICASSP. Its models are far behind Whisper's.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from statistics import fmean
from typing import Any

from facewave.speech.engine import Answer, Engine
from facewave.speech.sound import SAMPLE_RATE, Samples

_NAME = "pocketsphinx"
# Shorter than an analysis window (25.6 ms): the decoder has nothing to look at.
_SHORTEST = SAMPLE_RATE // 10


def pocketsphinx_engine() -> Engine:
    """Return PocketSphinx with the US English model of its package.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        release = version(_NAME)
    except PackageNotFoundError as error:
        raise ImportError(
            "transcripts.engine is pocketsphinx, which is not installed; install the extra "
            "`speech`: pip install -r requirements-speech.txt (or: make speech)"
        ) from error
    return Engine(name=_NAME, model="en-us", revision=release, language="en", load=_load)


def _load() -> Callable[[Samples], Answer]:
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")

    def hear(samples: Samples) -> Answer:
        if samples.size < _SHORTEST:
            return Answer("")
        # The means of the cepstra go on from one utterance to the next; an answer must not depend
        # on what was heard before it.
        decoder.reinit_feat()
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), no_search=False, full_utt=True)
        decoder.end_utt()
        return _answer(decoder)

    return hear


def _answer(decoder: Any) -> Answer:
    found = decoder.hyp()
    if found is None or not found.hypstr:
        return Answer("")
    # Fillers are in brackets: <s>, <sil>, [NOISE], ++BREATH++.
    certain = [part.prob for part in decoder.seg() if part.word[0] not in "<[+"]
    # Probabilities are products of logarithms to a base near 1, rounded: a little above 1 at times.
    return Answer(found.hypstr, min(1.0, fmean(certain)) if certain else None)
