"""The whole loop on a shop whose tastes turn: rank, click, feed back, join, retrain, swap, and again."""
