"""What training and serving must agree on: the feature spec, what was fitted for it, and the one encoder."""
