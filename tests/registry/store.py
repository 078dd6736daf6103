"""A real S3-compatible server in a process of its own, and its address for clients."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import fsspec


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def environment(port: int) -> dict[str, str]:
    """What every client of S3 reads; the keys are nobody's."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def object_store(port: int) -> Iterator[None]:
    """A server on this port with the empty bucket ``bucket``, until the block ends."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        request = urllib.request.Request(f"http://127.0.0.1:{port}/bucket", method="PUT")
        urllib.request.urlopen(request).close()  # noqa: S310
        yield
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "expected the object store to listen within 30 s"
            time.sleep(0.05)
        else:
            return


def files_of(address: str) -> fsspec.AbstractFileSystem:
    """The store behind an address, as somebody else's client sees it."""
    return fsspec.core.url_to_fs(address, use_listings_cache=False)[0]


def merged(port: int) -> dict[str, str]:
    """This process's environment, for a child that uses the store."""
    return {**os.environ, **environment(port)}
