"""What a trained MLP depends on: permutation importance of the parts of its input.

In come the trained models of all folds and their test parts; out go a table of importances and a
figure. Read `permutation_importance` first: it exchanges a group of columns between test clips and
measures what the score loses. `column_groups` says which groups there are (inputs, time scales,
regions of the face, blendshapes), `first_layer` makes that fast, `importance_figure` draws it.
"""
