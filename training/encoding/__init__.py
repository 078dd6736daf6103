"""From typed impressions to encoded ones: what training teaches about each feature, one pass of the encoder, stores on disc."""
