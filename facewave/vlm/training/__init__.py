"""The training loop of the vision-language models; it knows nothing of a particular model.

In come a model, its data, options and files (all in `interface`, which to read first); out come
the best weights in the model, checkpoints, a table of epochs and a table of steps. `loop` holds
`train`; `batches` decides the order of clips, `optimizer` the steps, `validation` judges an epoch,
`progress` writes and resumes checkpoints, `weights` is the file format of what was trained, `log`
reports, and `ranks` joins the processes of several GPUs.
"""
