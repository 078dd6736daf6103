"""What to watch while the service runs, beside the requests: samples and journals come in, Prometheus series go out."""
