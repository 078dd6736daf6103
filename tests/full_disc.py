"""A disc that is full, for a process that runs."""

import resource
from contextlib import contextmanager


@contextmanager
def files_of_at_most(process, size):
    """A real limit of the system for another process, whose writes end in the middle as they do on a full disc."""
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (soft, hard))
