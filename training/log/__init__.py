"""From files to typed chunks: a click log and its tables are read once, checked, and what does not fit is set apart."""
