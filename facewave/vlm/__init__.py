"""Vision-language models with a face: PaliGemma 2 that also reads the codes of a clip's face.

    options = ModelOptions(model="tiny-random", classes=("neutral", "happy"), ...)
    model = build_model(options)                          # facewave.vlm.paligemma.build
    model.set_statistics(fit_statistics(train_table))     # facewave.vlm.paligemma.statistics
    batch = collate(examples, model.processor, options)   # facewave.vlm.paligemma.batch
    output = model(batch)                                 # output.loss, output.logits
    answers = model.generate_text(batch)                  # free text
    save_state(path, model.trainable_state(), metadata)   # facewave.vlm.training.checkpoint
    model.load_trainable_state(load_state(path)[0])

| module | content |
|---|---|
| `options` | `ModelOptions`, what is built, and which values are refused |
| `weights` | where the pretrained weights come from, and what to do where they are missing |
| `pins` | the commits that are taken where the configuration names none |
| `tiny` | the same classes at toy size, seeded (`vlm.model: tiny-random`) |
| `processors` | tokenizer and image processor, of the checkpoint or offline |
| `prompts` | the question, and the strict reading of an answer |
| `frames` | which frames of a clip are shown, and how they are decoded |
| `batch` | `Example`s to tensors |
| `statistics` | mean and deviation of the face features over the training part |
| `face_encoder`, `fusion` | landmarks and blendshapes to tokens that looked at prompt and picture |
| `prefix` | soft prefix, face, image and text in one sequence, and its masks |
| `heads` | label words, linear classes, regression, generation; the label-word scores |
| `paligemma_base` | PaliGemma as transformers builds it, frozen, with LoRA adapters |
| `paligemma_answers` | what its language model says behind a prefix |
| `paligemma_model` | the whole model, `FaceVlm` |
| `paligemma` | `build_model`, and the names that others need |
| `save` | what was trained, to safetensors and back |
| `memory` | what training will take, told before it starts |
| `asker`, `conversation` | pretrained models that are asked, not trained, and what they are asked |
| `asked` | their answers in the content-addressed store |
| `qwen`, `qwen_processor`, `qwen_video`, `qwen_tiny` | Qwen2.5-VL: answers, prompts, patches, toy |
| `chat_prompts`, `face_words` | its questions, and the face in words |
| `qwen_training`, `qwen_fit` | its LoRA adapters, trained by the shared loop |
| `zero_shot`, `annotate`, `shown` | the jobs that ask, and the frames that they show |

What is specific to PaliGemma lies in `paligemma*`, `processors` and `tiny`. Training and evaluation
have modules of their own: `job` begins, `training` is the loop, `epoch_end` and `training_state`
(what a killed one goes on from) belong to it.
"""
