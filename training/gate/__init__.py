"""Whether a model may go live: budgets, bounds, and a comparison with the champion on the same later slice."""
