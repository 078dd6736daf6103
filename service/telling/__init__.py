"""One request told to whoever wants to know: log lines, trace context and spans; requests come in, nothing waits for it."""
