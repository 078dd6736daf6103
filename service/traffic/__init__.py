"""Which version answers whom, and which one answers in secret."""
