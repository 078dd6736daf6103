"""Whole files through a published version: probabilities beside the rows, or a report of how good they are."""
