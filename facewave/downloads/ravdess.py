"""The video archives of RAVDESS's speech, one per actor (Zenodo 1188976, version 1.0.0).

Sizes and MD5 are as others have published them; the record itself was not reached.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

from facewave.downloads.release import OpenRelease, Part, RemoteFile

# By actor, from 1.
ARCHIVES = [
    (552968353, "3c8ececaf392b4a9b11b32271f4f6d01"),
    (570673024, "a6f40d413b2e6ef25b3a595099e59abb"),
    (567824665, "68fa240ddd8a3cc410c64efe5fb2b0e4"),
    (546560009, "013eed832af1f7e97082aae398a00dbe"),
    (562966425, "b00e17d61374ef6ba86fef35d50a20fb"),
    (568517859, "3c42877921cc08cfb5c841a0f2cb94a7"),
    (565652404, "bdd29bfe082f80361ec6b589845c283d"),
    (562573079, "bed5f43d9c18e177e34d4bc1ed9b6d77"),
    (523489249, "775da349c50bf915a1bbcb37379bd092"),
    (565580163, "70199d1c6902f76e17df308d5c41fa01"),
    (518634370, "824504aa41a8fd575e5459d5701dd378"),
    (557928718, "2a1f0ddc0ca207beedee6ce2ea863ad7"),
    (501877549, "c5f2fd4fd77941636947620368c612b5"),
    (552484059, "466d31f4cce92a14b1f4ee884bbdf7d7"),
    (525205576, "4b3b9bc8473e86f884630f2506684887"),
    (562416513, "a63c54570ebbe6bd616d0dced5630f7e"),
    (551688845, "8b7ae3e5a85d2874ac8e1195e722e047"),
    (565655520, "fef2131ac361da182c0cb85f3d8e8a6c"),
    (581121687, "abb97d97d8c4e88c866cee1cea9d06d6"),
    (561349264, "5ddfb22770093bafebdefe8faa449f48"),
    (590292896, "d810cf2ff6863ef91306fc7a16d74fbb"),
    (560907466, "fee55f72c9871401f23d4b167de3217d"),
    (545177865, "b31e8c8904e66102e7a951694db752d6"),
    (595799165, "eef90e806c9179bc5b4b098d03647ae3"),
]
_MODALITIES = {"video_only": ("02",), "both": ("01", "02")}


def release(options: Mapping[str, Any]) -> OpenRelease:
    """Return the archives, with the clips of the option `modality` (`one`: with sound)."""
    modalities = _MODALITIES.get(options.get("modality", "one"), ("01",))
    parts = (
        _part(actor, size, md5, modalities) for actor, (size, md5) in enumerate(ARCHIVES, start=1)
    )
    return OpenRelease(
        title="RAVDESS (speech)",
        page="https://zenodo.org/records/1188976",
        url="https://zenodo.org/records/1188976/files/",
        licence="CC BY-NC-SA 4.0, https://creativecommons.org/licenses/by-nc-sa/4.0/",
        advice=(
            "The record lists its files with their MD5: https://zenodo.org/api/records/1188976. "
            "Archives that are unpacked below the root by hand are used as they are."
        ),
        parts=tuple(parts),
    )


def takes() -> list[str]:
    """Return emotion, intensity, statement and repetition of an actor's 60 takes of speech."""
    fields = product(range(1, 9), (1, 2), (1, 2), (1, 2))
    # Neutral has one intensity only.
    return ["-".join(f"{n:02d}" for n in take) for take in fields if take[:2] != (1, 2)]


def _part(actor: int, size: int, md5: str, modalities: tuple[str, ...]) -> Part:
    name = f"Video_Speech_Actor_{actor:02d}"
    clips = (
        f"{name}/Actor_{actor:02d}/{modality}-01-{take}-{actor:02d}.mp4"
        for modality in modalities
        for take in takes()
    )
    file = RemoteFile(f"{name}.zip", size, f"md5:{md5}")
    return Part(name, actor, (file,), tuple(clips), archive=True)
