"""Figures that the documentation quotes, each printed by a command."""

import os

# Read when ONNX Runtime is first imported, which is after this file.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
