"""PaliGemma 2 with a face: the codes of a clip's face stand as tokens before images and question.

In come examples (codes, images, text, label) and options; out come loss, logits or free text, and
the trained weights by name. Read `model` first: it shows how the parts are wired. `options` says
what is built, `build` where the weights come from (`toy` for the toy), `batch` makes the tensors,
`statistics` the standardisation, `face_tokens` the tokens of the face, `prefix` the sequence and
what the language model says after it. `image_features` caches the vision tower's output and
`memory_estimate` says what a training will need.
"""
