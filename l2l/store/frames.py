"""Frames: the unit in which a journal grows.

A frame is a header of 24 bytes (magic, kind, length of the payload, CRC-32 of the payload, CRC-32
of the header's first 20 bytes; little endian) and its payload. A reader can check each frame by
itself, and find the next one after a damaged one.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Buffer = bytes | memoryview

MAGIC = b"\xf5L2L"
HEADER = struct.Struct("<4s4sQII")

#: Kinds of frames.
HEAD, BLOCK, FAILURES, STATE, NOTE, CLOSED = b"head", b"rows", b"fail", b"stat", b"note", b"done"
#: Results on held-out tasks, laid out as a block.
TEST = b"test"

#: Frames up to this size are written as one piece; larger ones are gathered without a copy.
_COPIED = 1 << 16
#: Buffers of one system call (IOV_MAX is 1024 on Linux and macOS).
_GATHERED = 512
#: How much a scan reads at a time.
WINDOW = 1 << 20


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a good frame lies: ``length`` bytes of payload from ``start`` on."""

    kind: bytes
    start: int
    length: int

    @property
    def end(self) -> int:
        """Offset behind the frame."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes in which there is no good frame; ``tail`` if nothing good comes after them."""

    start: int
    end: int
    what: str
    tail: bool = False


def view(array: np.ndarray[Any, Any]) -> memoryview:
    """Return the bytes of an array, without a copy where it is contiguous."""
    flat: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return memoryview(flat)


def pack(kind: bytes, payload: Sequence[Buffer]) -> list[Buffer]:
    """Return a frame as the buffers to be written one after the other."""
    if sum(map(len, payload)) <= _COPIED:
        whole = b"".join(payload)
        return [header_of(kind, [whole]) + whole]
    return [header_of(kind, payload), *payload]


def header_of(kind: bytes, payload: Sequence[Buffer]) -> bytes:
    """Return the header of a frame."""
    crc = 0
    for part in payload:
        crc = zlib.crc32(part, crc)
    start = HEADER.pack(MAGIC, kind, sum(map(len, payload)), crc, 0)[:-4]
    return start + struct.pack("<I", zlib.crc32(start))


def write_all(fd: int, buffers: Sequence[Buffer]) -> int:
    """Write buffers with as few system calls as possible; return the number of bytes."""
    if len(buffers) == 1:
        done = os.write(fd, buffers[0])
        if done == len(buffers[0]):
            return done
        return done + write_all(fd, [memoryview(buffers[0])[done:]])
    total = sum(len(buffer) for buffer in buffers)
    left = [memoryview(buffer) for buffer in buffers if len(buffer)]
    while left:
        done = os.writev(fd, left[:_GATHERED])
        while left and done >= len(left[0]):
            done -= len(left.pop(0))
        if done:
            left[0] = left[0][done:]
    return total


class Source:
    """A file to scan, read through one window; truncation under its feet does no harm."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._at = 0
        self._window = memoryview(b"")

    def read(self, at: int, length: int) -> memoryview:
        """Return ``length`` bytes from ``at`` on; fewer at the end of the file."""
        offset = at - self._at
        if offset < 0 or offset + length > len(self._window):
            self._at, offset = at, 0
            self._window = memoryview(_pread(self.fd, max(length, WINDOW), at))
        return self._window[offset : offset + length]


def _pread(fd: int, length: int, at: int) -> bytes:
    """Read up to ``length`` bytes; one call moves at most 2 GiB."""
    parts = []
    while length:
        part = os.pread(fd, min(length, 1 << 30), at)
        if not part:
            break
        parts.append(part)
        at, length = at + len(part), length - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def scan(source: Source, end: int) -> Iterator[tuple[Frame, memoryview] | Gap]:
    """Yield each good frame with its payload, and each gap, up to offset ``end``."""
    at = 0
    while at < end:
        header = _header(source, at, end)
        if header is None:
            next_at = _next_header(source, at + 1, end)
            if next_at is None:
                yield Gap(at, end, "no whole frame", tail=True)
                return
            yield Gap(at, next_at, "no valid frame header")
            at = next_at
            continue
        kind, length, crc = header
        frame = Frame(kind, at + HEADER.size, length)
        payload = source.read(frame.start, length)
        if len(payload) == length and zlib.crc32(payload) == crc:
            yield frame, payload
        else:
            what = f"checksum of a {kind.decode('ascii', 'replace')!r} frame is wrong"
            yield Gap(at, frame.end, what, tail=frame.end == end)
        at = frame.end


def _header(source: Source, at: int, end: int) -> tuple[bytes, int, int] | None:
    """Return kind, length and checksum of the frame at an offset, if a whole one fits there."""
    raw = source.read(at, HEADER.size)
    if len(raw) < HEADER.size:
        return None
    magic, kind, length, crc, own = HEADER.unpack(raw)
    if magic != MAGIC or zlib.crc32(raw[:-4]) != own or at + HEADER.size + length > end:
        return None
    return kind, length, crc


def _next_header(source: Source, at: int, end: int) -> int | None:
    """Return the offset of the next valid header."""
    while at < end:
        window = bytes(source.read(at, min(end - at, WINDOW)))
        found = window.find(MAGIC)
        while found >= 0:
            if _header(source, at + found, end) is not None:
                return at + found
            found = window.find(MAGIC, found + 1)
        if len(window) < len(MAGIC):
            return None
        at += len(window) - len(MAGIC) + 1
    return None
