"""The training jobs of the workflow: PaliGemma with a face in stages, and Qwen2.5-VL.

In come the splits, the manifest, the trajectories, the videos and the options of a job; out come
weights, the tables of epochs and steps, and predictions in the MLP's format. For PaliGemma read
`launch` first (a job in one process or one per GPU); it reads `job_inputs`, whose rows are those of
`clips`, `build` makes the model, and `fit` trains it.
"""
