"""Where published versions live: layout, manifest, aliases, integrity."""
