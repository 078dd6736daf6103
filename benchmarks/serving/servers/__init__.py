"""The servers that Axon is measured beside; each file runs as a process of its own and answers the same bodies."""
