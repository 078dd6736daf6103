"""Requests wait, leave together as one batch, and each gets an answer of its own."""
