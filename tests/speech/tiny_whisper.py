"""A Whisper of the real classes with random weights, saved as a checkpoint is."""

import json

_LANGUAGES = ("en", "de")
_SPECIAL = (
    "<|endoftext|>", "<|startoftranscript|>", *(f"<|{name}|>" for name in _LANGUAGES),
    "<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>",
    "<|notimestamps|>",
)  # fmt: skip


def save_tiny_whisper(folder, *, multilingual=True, seed=0):
    """Write configuration, processor and weights; the vocabulary is bytes and special tokens."""
    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizer,
    )

    vocabulary = {byte: index for index, byte in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = WhisperTokenizer(vocab=vocabulary, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": list(_SPECIAL)})
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in _SPECIAL}
    end, start = ids["<|endoftext|>"], ids["<|startoftranscript|>"]
    torch.manual_seed(seed)
    network = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=len(tokenizer), d_model=16, encoder_layers=1, decoder_layers=1,
            encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32,
            decoder_ffn_dim=32, max_target_positions=24, num_mel_bins=80, pad_token_id=end,
            bos_token_id=end, eos_token_id=end, decoder_start_token_id=start, init_std=1.0,
        )
    )  # fmt: skip
    settings = {
        "no_timestamps_token_id": ids["<|notimestamps|>"],
        "is_multilingual": multilingual,
        "max_length": 20,
        "suppress_tokens": [],
        "begin_suppress_tokens": [],
        "decoder_start_token_id": start,
        "eos_token_id": end,
        "pad_token_id": end,
        "bos_token_id": end,
    }
    if multilingual:
        settings["lang_to_id"] = {f"<|{name}|>": ids[f"<|{name}|>"] for name in _LANGUAGES}
        settings["task_to_id"] = {name: ids[f"<|{name}|>"] for name in ("transcribe", "translate")}
    network.generation_config = GenerationConfig(**settings)
    folder.mkdir(parents=True)
    network.save_pretrained(folder)
    processor = WhisperProcessor(WhisperFeatureExtractor(feature_size=80), tokenizer)
    processor.save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "whisper"
    return folder
