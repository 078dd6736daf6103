"""Where the records of a history are kept: siblings of one shape, held to one conformance suite."""
