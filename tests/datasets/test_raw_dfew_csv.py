"""The adapter of a raw table in DFEW's form."""

import pytest

from tests.datasets.release_trees import notes, problems, put, put_text, read


class TestRawTable:
    HEADER = "1happy,2sad,3neutral,4angry,5surprise,6disgust,7fear,order,label,file_path"
    ROWS = ("0,6,4,0,0,0,0,1,2,v/1.mp4", "0,2,8,0,0,0,0,2,3,v/2.mp4", "3,1,1,0,5,0,0,3,0,v/3.mp4")

    @pytest.mark.parametrize("table", [None, "raw.csv"])
    def test_rows_without_a_single_label_are_left_out(self, tmp_path, caplog, table):
        put_text(tmp_path / "raw.csv", [self.HEADER, *self.ROWS])
        for number in (1, 2, 3):
            put(tmp_path / "v" / f"{number}.mp4")
        first, second = read("raw_dfew_csv", tmp_path, table=table)
        assert (first.clip_id, first.actual, first.video_idx) == ("00001", "sad", 0)
        assert first.label_distribution == (4, 0, 6, 0, 0, 0, 0)
        assert second.actual == "neutral"
        assert "1 clips with label 0" in notes(caplog, "raw_dfew_csv", tmp_path)

    def test_what_is_wrong(self, tmp_path):
        assert "no .csv with the columns 1happy" in problems("raw_dfew_csv", tmp_path)
        put_text(tmp_path / "raw.csv", [self.HEADER.replace(",file_path", ""), "0,6,4,0,0,0,0,1,2"])
        assert "column file_path: missing" in problems("raw_dfew_csv", tmp_path, table="raw.csv")
        put_text(tmp_path / "raw.csv", [self.HEADER, self.ROWS[0], "0,6,4,0,0,0,0,4,8,x.mp4"])
        assert "raw.csv row 3: order '4', label '8'" in problems("raw_dfew_csv", tmp_path)
        put_text(tmp_path / "raw.csv", [self.HEADER, self.ROWS[0]])
        assert "raw.csv row 2: file_path 'v/1.mp4': no such file" in problems(
            "raw_dfew_csv", tmp_path
        )
