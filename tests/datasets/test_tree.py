"""What lies below a root: tables, videos, folders of frames."""

from facewave.datasets.files.tree import by_number, walk
from tests.datasets.release_trees import put, put_frames


def test_walk(tmp_path):
    put(tmp_path / "b.csv")
    put(tmp_path / "x" / "2.MP4")
    put(tmp_path / "x" / ".hidden.mp4")
    put(tmp_path / ".git" / "y.mp4")
    for number in range(1, 13):
        put_frames(tmp_path / "frames" / f"{number}")
    put_frames(tmp_path / "frames" / "named")
    (tmp_path / "x" / "again").symlink_to(tmp_path, target_is_directory=True)
    tree = walk(tmp_path)
    assert tree.tables == ("b.csv",)
    assert tree.videos == ("x/2.MP4",)
    assert tree.frame_folders == (*(f"frames/{n}" for n in range(1, 13)), "frames/named")


def test_numbers_of_files():
    paths = ["224/5.avi", "original/part_1/5.mp4", "6.mp4", "x/06.mp4", "a7.mp4", "original/8"]
    assert by_number(paths) == {5: "original/part_1/5.mp4", 6: "6.mp4", 8: "original/8"}
