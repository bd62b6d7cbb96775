"""Texts of the clips in (transcripts, descriptions, captions), a feature group or scores out.

Read `features.py` first: it turns texts into the group `text` that the MLP takes beside the face.
`probe.py` measures how much the texts alone give away of the labels, and `words.py` says what a
word is, also in Chinese.
"""
