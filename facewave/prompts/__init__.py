"""The words that go to a language model, and how its answer is read.

In come class names, a clip's own text and its blendshapes; out come questions, and for an answer
the index of its class or None. Read `questions` first: templates, and the strict reading of an
answer. `face_words` puts the motion of a face into plain words.
"""
