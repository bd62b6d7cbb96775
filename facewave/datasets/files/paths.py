"""Checks that the paths of a dataset's clips stay below its root and exist."""

import os
import posixpath
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from facewave.datasets.files.alike import Names
from facewave.messages import listed, shown
from facewave.storage.roots import DatasetRoot

Problems = list[tuple[int, str]]

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
FOLLOW = (
    "Set `follow_links: true` for this dataset if what lies there belongs to it; else remove the "
    "links, or choose a root that holds both."
)
# From about this many files on, listing the folder is cheaper than checking them one by one.
_WORTH_LISTING = 16


class Root:
    """Folder that a dataset's paths are relative to and may not leave.

    Links are followed, and what lies behind a link that leads out of the root is refused unless
    `follow_links` is set. `..` is resolved in the text of a path alone, so that it does not depend
    on links.

    Attributes:
        root: the folder as tables know it.
    """

    def __init__(self, root: Path, *, follow_links: bool = False) -> None:
        """Take the folder as given; it need not exist yet."""
        self._follow_links = follow_links
        self._text = posixpath.normpath(root)
        self._prefix = "" if self._text == "." else self._text.rstrip("/") + "/"
        self.root = DatasetRoot(self._prefix)
        self._real = posixpath.realpath(root)
        self._bases = {posixpath.abspath(root).rstrip("/") + "/", self._real.rstrip("/") + "/"}
        self._leads: dict[str, str | None] = {}

    def relative(self, cells: Sequence[str | None], problems: Problems) -> list[str | None]:
        """Return each path relative to the root, None for those with a problem.

        Args:
            cells: paths, absolute or relative to the root
            problems: blank paths, paths that leave the root and control characters are added
        """
        paths = [None if cell is None else self._inside(cell) for cell in cells]
        if None in paths:
            problems += (
                (index, self._complaint(cell))
                for index, (cell, path) in enumerate(zip(cells, paths, strict=True))
                if path is None
            )
        return paths

    def join(self, path: str | None) -> str:
        """Return a path below the root as the workflow opens it."""
        return f"{self._prefix}{path}"

    def survey(
        self, paths: list[str | None], problems: Problems, *, check_files: bool
    ) -> dict[int, str]:
        """Look for missing files, for links that lead out of the root, and for what is no file.

        Args:
            paths: relative to the root; None is skipped. One that is not there, but means a file
                that is (`Ü.mp4` in another form of Unicode, other letter case), is replaced.
            problems: links that lead out of the root are added, pipes, devices and a missing root
            check_files: False to check the folders only

        Returns:
            the message for each missing file, by row
        """
        if check_files and not stat.S_ISDIR(_mode(self._text)):
            problems.append((-1, f"root {self._text!r}: no such folder"))
            return {}
        folders: dict[str, list[int]] = {}
        for index, path in enumerate(paths):
            if path is not None:
                folders.setdefault(path.rpartition("/")[0], []).append(index)
        missing: dict[int, str] = {}
        for folder, rows in folders.items():
            target = self._folder_leads_to(folder)
            if target is not None:
                problems += ((row, _outside(paths[row], target)) for row in rows)
            elif check_files:
                present = self._plain_entries(folder) if len(rows) >= _WORTH_LISTING else set()
                for row in rows:
                    path = paths[row] or ""
                    if path.rpartition("/")[2] not in present:
                        self._look(row, path, missing, problems)
        return self._renamed(paths, missing, problems) if missing else missing

    def _renamed(
        self, paths: list[str | None], missing: dict[int, str], problems: Problems
    ) -> dict[int, str]:
        """Replace paths that another spelling of a file means; return what is still missing."""
        names = Names(self._text)
        still: dict[int, str] = {}
        taken = {path for row, path in enumerate(paths) if row not in missing}
        for row, text in missing.items():
            alike = names.alike(paths[row] or "")
            if len(alike) == 1 and alike[0] not in taken:
                before = len(problems)
                self._look(row, alike[0], still, problems)
                if len(problems) == before:
                    paths[row] = alike[0]
                    taken.add(alike[0])
            else:
                hint = f"; there is {listed(map(repr, alike))}" if alike else ""
                hint += ", which another row names" if len(alike) == 1 else ""
                still[row] = text + hint
        return still

    def _inside(self, cell: str) -> str | None:
        path = posixpath.normpath(cell)
        if path.startswith("/"):
            path = "/" + path.lstrip("/")
            base = next((base for base in self._bases if path.startswith(base)), None)
            path = path[len(base) :] if base is not None else ".."
        if path in (".", "..") or path.startswith("../") or CONTROL.search(path):
            return None
        return path

    def _complaint(self, cell: str | None) -> str:
        if cell is None:
            return "file_path: blank; expected a video or a folder of frames"
        if CONTROL.search(cell):
            return f"file_path {cell!r}: contains a control character; expected a plain file name"
        return f"file_path {cell!r}: leaves the root; expected a path below {self._text}"

    def _folder_leads_to(self, folder: str) -> str | None:
        """Return where a folder really lies outside the root, None if it lies inside."""
        known = self._leads
        if folder not in known:
            target, end = None, 0
            # From the top down, so that each folder is checked once however many lie below it.
            while target is None and end != -1:
                end = folder.find("/", end + 1) if folder else -1
                part = folder if end == -1 else folder[:end]
                if part not in known:
                    known[part] = self._link_leads_to(part) if part else None
                target = known[part]
            known[folder] = target
        return known[folder]

    def _link_leads_to(self, path: str) -> str | None:
        full = self.join(path)
        if self._follow_links or not stat.S_ISLNK(_mode(full, follow=False)):
            return None
        target = posixpath.realpath(full)
        below = posixpath.commonpath([target, self._real]) == self._real
        return None if below else target

    def _plain_entries(self, folder: str) -> set[str]:
        try:
            with os.scandir(f"{self._text}/{folder}") as entries:
                return {
                    entry.name
                    for entry in entries
                    if entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
                }
        except OSError:
            return set()  # then each file is checked on its own and reported

    def _look(self, row: int, path: str, missing: dict[int, str], problems: Problems) -> None:
        target = self._link_leads_to(path)
        if target is not None:
            problems.append((row, _outside(path, target)))
            return
        full = self.join(path)
        mode = _mode(full)
        if not mode:
            hint = " (write / in place of \\)" if "\\" in path else ""
            if stat.S_ISLNK(_mode(full, follow=False)):
                hint = f" (a link to {shown(str(Path(full).readlink()))}, which leads nowhere)"
            missing[row] = (
                f"file_path {path!r}: no such file; expected a video or a folder of frames at "
                f"{full}{hint}"
            )
        elif not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            text = "a pipe, a device or a socket; expected a video or a folder of frames"
            problems.append((row, f"file_path {path!r}: {text}"))


def _outside(path: str | None, target: str) -> str:
    return (
        f"file_path {path!r}: leaves the root by a symbolic link to {target}; expected a path that "
        "stays below it (or a root that holds both, or `follow_links: true`)"
    )


def _mode(path: str, *, follow: bool = True) -> int:
    """Return the mode of a file, 0 if it cannot be read."""
    try:
        return os.stat(path, follow_symlinks=follow).st_mode  # noqa: PTH116 (Path takes 5 times as long)
    except (OSError, ValueError):
        return 0
