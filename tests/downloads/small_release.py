"""A release as RAVDESS's, of two actors with three clips each, and one as CREMA-D's."""

import hashlib
import io
import zipfile

from facewave.downloads.release import OpenRelease, Part, RemoteFile

CLIPS = ("a.mp4", "b.mp4", "c.mp4")


def content(actor, name):
    """Return 32,000 bytes that hardly shrink."""
    seed = f"{actor}/{name}".encode()
    return b"".join(hashlib.sha256(seed + i.to_bytes(2)).digest() for i in range(1000))


def archive(actor, names=CLIPS):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            # A ZipInfo of its own has no date: the same bytes at any time, in any process.
            info = zipfile.ZipInfo(f"Actor_{actor:02d}/{actor}{name}")
            file.writestr(info, content(actor, name))
        file.writestr(zipfile.ZipInfo("__MACOSX/._x"), b"resource fork")
    return buffer.getvalue()


def archive_part(actor, data, names=CLIPS):
    md5 = hashlib.md5(data).hexdigest()
    file = RemoteFile(f"part_{actor}.zip", len(data), f"md5:{md5}")
    clips = tuple(f"part_{actor}/Actor_{actor:02d}/{actor}{name}" for name in names)
    return Part(f"part_{actor}", actor, (file,), clips, archive=True)


def single_part(actor, files):
    remote = tuple(
        RemoteFile(name, len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
        for name, data in files.items()
    )
    return Part(str(actor), actor, remote, tuple(f"clips/{name}" for name in files), archive=False)


def release(url, parts):
    return OpenRelease(
        title="Small",
        page="https://example.org/small",
        url=url,
        licence="CC BY 4.0",
        advice="Ask its authors.",
        parts=tuple(parts),
    )
