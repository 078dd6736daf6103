"""Training again as the log grows: gather, check against what the champion learned from, run, and when to run next."""
