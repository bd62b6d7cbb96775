"""The sex of actors, where a dataset's release says so: for scores of subgroups, not for models."""

from __future__ import annotations

FEMALE, MALE = "female", "male"

# VideoDemographics.csv of the release of CREMA-D: the women among its actors 1001 to 1091.
_CREMA_D_WOMEN = frozenset(
    {
        *range(1002, 1005), *range(1006, 1011), 1012, 1013, 1018, 1020, 1021, 1024, 1025,
        *range(1028, 1031), 1037, 1043, 1046, 1047, 1049, *range(1052, 1057), 1058, 1060, 1061,
        1063, *range(1072, 1077), 1078, 1079, 1082, 1084, 1089, 1091,
    }
)  # fmt: skip
_CREMA_D_ACTORS = range(1001, 1092)
_RAVDESS_ACTORS = range(1, 25)


def sex_of(adapter: str, subject: str | None) -> str | None:
    """Return the sex of a subject, or None where it is not known.

    RAVDESS: actors with an odd number are men, the others women. CREMA-D: by its table.

    Args:
        adapter: of the dataset.
        subject: as the manifest has it.
    """
    if subject is None or not subject.isascii() or not subject.isdigit():
        return None
    number = int(subject)
    if adapter in ("ravdess", "ravdess_tracks") and number in _RAVDESS_ACTORS:
        return MALE if number % 2 else FEMALE
    if adapter == "crema_d" and number in _CREMA_D_ACTORS:
        return FEMALE if number in _CREMA_D_WOMEN else MALE
    return None
