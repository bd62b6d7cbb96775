"""PaliGemma 2 as a model that can be given a face.

In come examples and options, out comes a `FaceVlm` (`facewave.vlm.faces.model`). Read `backbone`
first: images, prompt and positions are made there. `build` says where the weights come from (`toy`
for the toy), `batch` makes the tensors, and `image_features` caches the vision tower's output.
"""
