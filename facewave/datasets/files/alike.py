"""Names that mean the same file although their bytes differ: NFC and NFD, other letter case.

macOS writes `ü` as two characters (NFD), most other systems as one (NFC), and Windows and macOS do
not tell `Clip1.MP4` from `clip1.mp4`. So a table made there names files that a Linux disk has under
another name.
"""

import os
import unicodedata


class Names:
    """The names in the folders below a root; each folder is listed once."""

    def __init__(self, root: str) -> None:
        """Take the folder; nothing is read yet."""
        self._root = root
        self._known: dict[str, dict[str, list[str]]] = {}

    def alike(self, path: str) -> list[str]:
        """Return the paths on disk that mean the same as `path`, which is not there itself.

        Args:
            path: relative to the root, with `/`

        Returns:
            paths relative to the root that differ from it in letter case or Unicode form alone;
            several where the disk tells apart what the table does not
        """
        found = [""]
        for name in path.split("/"):
            found = [f"{folder}{there}" for folder in found for there in self._of(folder, name)]
            found = [f"{there}/" for there in found]
        return sorted(there.rstrip("/") for there in found)

    def _of(self, folder: str, name: str) -> list[str]:
        if folder not in self._known:
            names: dict[str, list[str]] = {}
            for there in _listed(f"{self._root}/{folder}"):
                names.setdefault(plain(there), []).append(there)
            self._known[folder] = names
        return self._known[folder].get(plain(name), [])


def plain(text: str) -> str:
    """Return the form in which names are compared: NFC, without letter case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names, not Paths
    except OSError:
        return []
