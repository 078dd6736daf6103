"""Imports TensorFlow without the start-up notes that it writes past every log level."""

import os
import sys


def import_tensorflow() -> None:
    """Import it with standard error closed; what goes wrong is an exception, which is told as ever.

    Source:
        Messages before ``absl::InitializeLog()`` heed no ``TF_CPP_MIN_LOG_LEVEL``.
    """
    if "tensorflow" in sys.modules:
        return
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        import tensorflow as tf  # noqa: F401  # for what the import does
    finally:
        os.dup2(kept, 2)
        os.close(kept)
