"""The loop's first half: answers and what people did about them come in, journals that `axon join` reads go out."""
