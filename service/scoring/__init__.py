"""From rows of features to probabilities."""
