"""What had happened before each impression: a log is replayed in the order of time, and its state asked later."""
