"""From a request to probabilities."""
