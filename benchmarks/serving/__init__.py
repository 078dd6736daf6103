"""What a request costs over HTTP: Axon beside the floor of its framework, what careful people write, and its peers."""
