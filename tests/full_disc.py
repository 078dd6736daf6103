"""A disc that is full, for a process that runs; 0 is this one."""

import resource
from contextlib import contextmanager


@contextmanager
def files_of_at_most(pid, size):
    """A real limit of the system for a process, whose writes end in the middle as they do on a full disc."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
