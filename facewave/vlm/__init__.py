"""Vision-language models: PaliGemma 2 and Qwen2.5-VL, which also read the codes of a clip's face.

In come the splits (codes of the faces, labels), the trajectories (which frames show a face) and
the videos; out come predictions in the MLP's format, trained weights, tables of the training, and
answers in the store. Read `plan` first: it says which parts of the configuration decide a job.

| module | content |
|---|---|
| `plan` | what the rules train and ask; light, for the Snakefile |
| `inputs` | which frames of a clip are shown, how they are read, and conversations about them |
| `class_names` | the probabilities of whole class names, however a tokenizer splits them |
| `heads` | how a hidden state becomes an answer: classes, real values, free text |
| `checkpoints`, `gpu_job` | whole weights of the right model, and GPUs for a job |
| `lora` | the adapters that are trained in a frozen model |
| `training` | the loop, and everything in it that does not know the model |
| `faces` | the tokens of a face and the model around a pretrained one, whichever it is |
| `paligemma`, `qwen` | the two pretrained models as `faces` needs them |
| `zero_shot` | pretrained models answer questions as they are |
| `fine_tuning` | the training jobs of the workflow |

Imports run upwards in this table only: `inputs`, `heads`, `lora` and `training` do not know each
other, `faces` builds on them, `paligemma` and `qwen` on `faces`, `zero_shot` on both, and
`fine_tuning` on everything.

    options = ModelOptions(model="tiny-random", family="paligemma", face_shapes=..., ...)
    model = build(options)                                # facewave.vlm.fine_tuning.build
    model.set_statistics(fit_statistics(train_table))     # facewave.vlm.faces.statistics
    batch = model.collate(examples)                       # facewave.vlm.faces.batch.Example
    output = model(batch)                                 # output.loss, output.logits
    answers = model.generate_text(batch)                  # free text
    save_state(path, model.trainable_state(), metadata)   # facewave.vlm.training.weights
    model.load_trainable_state(load_state(path)[0])
"""
