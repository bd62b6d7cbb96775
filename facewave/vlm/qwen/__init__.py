"""Qwen2.5-VL: answers about videos with their timing, and LoRA fine-tuning.

In come conversations about clips; out come answers in words, log-probabilities of class names, and,
after training, the weights of the adapters. Read `model` first. `processor` makes the token ids,
`video` the patches, `trainable` adds adapters for the shared training loop, and `toy` is the same
at toy size.
"""
