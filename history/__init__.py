"""What happened before: event-ordered counters, rates and sequences per key, and the stores that keep them."""
