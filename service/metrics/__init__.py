"""What the service counts about itself, for Prometheus."""
