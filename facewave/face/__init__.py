"""What is known of MediaPipe's face mesh, as constants: nothing comes in, and nothing is computed.

`canonical_mesh` is the neutral face that alignment brings faces to, `regions` says which landmarks
and blendshapes belong to eyes, mouth and so on, `blendshapes` has the names of the 52 blendshapes.
The tables lie beside the modules as CSV; start with `canonical_mesh`.
"""
