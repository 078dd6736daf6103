"""Versions in memory: loaded, verified and warm, and which of them answer."""
