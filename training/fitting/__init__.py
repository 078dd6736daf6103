"""From encoded stores to a trained network: losses, steps, schedules and everything that makes it generalise."""
