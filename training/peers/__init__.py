"""Other models beside the judged one: families, depths and LightGBM on the same impressions."""
