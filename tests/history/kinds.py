"""The kinds of stores that the tests of `history` go through."""

KINDS = ["memory", "sqlite", "redis"]
LASTING = ["sqlite", "redis"]
