"""Every quality figure of docs/benchmarks/quality.md, ours and the peers' in one run: ``make bench-quality``."""
