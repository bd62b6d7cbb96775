"""Vision-language models: PaliGemma 2 that also reads the codes of a clip's face, and Qwen2.5-VL.

In come the splits (codes of the faces, labels), the trajectories (which frames show a face) and
the videos; out come predictions in the MLP's format, trained weights, tables of the training, and
answers in the store. Read `plan` first: it says which parts of the configuration decide a job.

| module | content |
|---|---|
| `plan` | what the rules train and ask; light, for the Snakefile |
| `inputs` | which frames of a clip are shown, how they are read, and conversations about them |
| `heads` | how a hidden state becomes an answer: label words, classes, real values |
| `lora` | the adapters that are trained in a frozen model |
| `training` | the loop, and everything in it that does not know the model |
| `paligemma` | PaliGemma 2 with face tokens |
| `qwen` | Qwen2.5-VL |
| `zero_shot` | pretrained models answer questions as they are |
| `fine_tuning` | the training jobs of the workflow |

Imports run upwards in this table only: `inputs`, `heads`, `lora` and `training` do not know each
other, `paligemma` and `qwen` build on them, `zero_shot` on both, and `fine_tuning` on everything.

    options = ModelOptions(model="tiny-random", classes=("neutral", "happy"), ...)
    model = build_model(options)                          # facewave.vlm.paligemma.build
    model.set_statistics(fit_statistics(train_table))     # facewave.vlm.faces.statistics
    batch = collate(examples, model.processor, options)   # facewave.vlm.paligemma.batch
    output = model(batch)                                 # output.loss, output.logits
    answers = model.generate_text(batch)                  # free text
    save_state(path, model.trainable_state(), metadata)   # facewave.vlm.training.weights
    model.load_trainable_state(load_state(path)[0])
"""
