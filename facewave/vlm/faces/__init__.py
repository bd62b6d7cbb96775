"""A face for a pretrained vision-language model: the codes of a clip as tokens among its words.

In come examples (features of the face, images, text, label) and options; out come loss, logits or
free text, and the trained weights by name. Read `model` first: it shows how the parts are wired.
`options` says what is built, `batch` makes the tensors, `statistics` the standardisation and how
faces are mirrored, `encoder` the tokens of a face, `fusion` what they ask of prompt and images.
`prefix` holds the sequence, what is asked of a pretrained model (`Backbone`), and what the model
says after it. `memory_estimate` says what a training will need.
"""
