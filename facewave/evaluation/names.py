"""Names of models in tables. The Snakefile imports this module, so it imports nothing heavy."""

MLP = "MLP"
# The linear model that stands beside the MLP.
LINEAR = "logistic regression"
