"""A history that only answers, packed for speed: the snapshot that travels with a version, and what the service asks."""
