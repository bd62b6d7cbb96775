"""Class names that a tokenizer splits, as that of Qwen2.5-VL splits `disgust`: dis, g, ust."""

MAFW = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "contempt")
MAFW += ("anxiety", "helplessness", "disappointment")
# A tokenizer that is trained on these writes some names whole, and others in two to six tokens.
PIECES = ("dis", "appointment", "ust", "ness", "neutral", "fear", "surprise")


def tokens(tokenizer, name):
    return tokenizer(name, add_special_tokens=False)["input_ids"]
