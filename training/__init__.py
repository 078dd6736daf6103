"""From a click log to a published version; `training.pipeline` tells the story in order."""
