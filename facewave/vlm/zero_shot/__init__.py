"""Zero-shot models: pretrained ones that answer questions about clips as they are.

In come the test part of a split, the videos and the options of `zero_shot`; out come predictions in
the MLP's format, a table of the answers word for word, and every answer in the store. Read `run`
first: it is the whole job. `models` finds and loads the model by name, `answer_store` asks only
what the store does not know yet.
"""
