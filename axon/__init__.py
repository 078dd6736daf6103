"""The command line: thin, imports lazily, holds no logic."""
