"""Scripts for the peers' own environment: encoded slices come in as a file, logits go out as one."""
