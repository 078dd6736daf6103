"""From a user and candidates to the best of them, in order."""
