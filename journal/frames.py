"""Records as bytes: a header with lengths and a checksum before each, so that a torn tail is known for what it is.

    file    b"axonlog1", then frames
    frame   length of key and body (4 bytes), their CRC-32 (4), length of the key (2), key, body; little-endian

`journal.files` writes and reads them.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from journal.journal import Record

MAGIC = b"axonlog1"
MAX_BYTES = 64 * 1024 * 1024
"""No record is larger: a length above it is damage."""

_HEADER = struct.Struct("<IIH")


class Framed(NamedTuple):
    """A record, and where the next one begins."""

    end: int
    record: Record


def framed(record: Record) -> bytes:
    """The bytes of a record.

    Raises:
        ValueError: If it is larger than `MAX_BYTES`, or its key longer than 65,535 bytes.
    """
    key = record.key.encode()
    payload = key + record.body
    if not payload or len(payload) > MAX_BYTES or len(key) > 0xFFFF:
        raise ValueError(
            f"expected a record of 1 to {MAX_BYTES} bytes, got {len(payload)}, its key {len(key)} of them"
        )
    return _HEADER.pack(len(payload), zlib.crc32(payload), len(key)) + payload


def frames(file: BinaryIO, start: int, size: int, *, keys_only: bool = False) -> Iterator[Framed]:
    """The whole records of a file up to the first that is torn or damaged.

    Args:
        file: Open for reading.
        start: Where a frame begins; 0 for the beginning of the file.
        size: Of the file as far as it is looked at.
        keys_only: Leave bodies out, and trust lengths without computing checksums.
    """
    file.seek(start)
    if start == 0:
        if file.read(len(MAGIC)) != MAGIC:
            return
        start = len(MAGIC)
    while one := _frame(file, start, size, keys_only=keys_only):
        yield one
        start = one.end


def _frame(file: BinaryIO, start: int, size: int, *, keys_only: bool) -> Framed | None:
    """The record whose frame begins here, where the file is read from; None if it is torn or damaged, or there is none."""
    header = file.read(_HEADER.size)
    # A torn tail may be cut while it is read: less may come than the file once had.
    if start + _HEADER.size >= size or len(header) < _HEADER.size:
        return None
    length, checksum, key_length = _HEADER.unpack(header)
    end = start + _HEADER.size + length
    # Zeros, which file systems leave behind after a power failure, are no record either.
    if not 0 < length <= MAX_BYTES or key_length > length or end > size:
        return None
    payload = file.read(key_length if keys_only else length)
    if len(payload) < key_length or not (keys_only or zlib.crc32(payload) == checksum):
        return None
    file.seek(end)
    try:
        return Framed(end, Record(payload[:key_length].decode(), payload[key_length:]))
    except UnicodeDecodeError:
        return None
