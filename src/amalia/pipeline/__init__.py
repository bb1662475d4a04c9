"""Recipes that chain data, training, evaluation and report into one run."""
