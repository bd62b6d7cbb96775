"""Names of models in tables. The Snakefile imports this module, so it imports nothing heavy."""

MLP = "MLP"
# The linear model that stands beside the MLP.
LINEAR = "logistic regression"
# The MLP trained on the clips that both stages of a vision-language model are trained on.
SAME_CLIPS = "MLP, on the clips of the vision-language models"
