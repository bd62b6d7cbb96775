"""The report of a dataset: what the workflow has made comes in, one self-contained page goes out.

Start with `page.py`: `ReportFiles` names everything that is read, and `write_report` fills the
templates (one per section of the page) and writes the quality table. The other files read what the
sections show: `clips.py` and `review.py` (quality, clips to review), `dataset.py` (folds, clips
that look alike), `wavelet.py` (a clip beside its code), `training.py` (curves, and in words how the
MLP was trained), `scores.py` (all models), `explanation.py` and `provenance.py`. `figures.py`
draws, `thumbnails.py` shows frames with their landmarks.
"""
