"""A sentence model of the real classes with random weights, saved as a checkpoint is."""

WORDS = ("the", "dog", "cat", "sits", "barks", "door", "by", "a", "man", "turns")


def save_tiny_bert(folder, *, words=WORDS, seed=0):
    """Write configuration, tokenizer and weights; words that are not given are `[UNK]`."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    tokenizer = BertTokenizer(vocab={word: index for index, word in enumerate(vocabulary)})
    torch.manual_seed(seed)
    network = BertModel(
        BertConfig(
            vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=16, max_position_embeddings=32,
        )
    )  # fmt: skip
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
