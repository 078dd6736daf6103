"""One file per group of addresses; each route reads, calls and answers, and holds no logic."""
