"""A message's bytes, which the hub holds and which may be larger than the sandbox."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .failure import InvalidInput

PIECE_BYTES = 128 << 10
"""Crossing the boundary costs a copy: pieces of this size share the cost."""
LINE_BYTES = 1 << 20
WHOLE_BYTES = 8 << 20


@dataclass(frozen=True)
class Line:
    """A line of a body, without LF or CRLF."""

    number: int
    """From 1."""
    offset: int
    """Where it begins in the body."""
    bytes: bytes
    too_long: bool
    """These bytes are the beginning of a longer line."""

    @property
    def text(self) -> str | None:
        """The line as text; none where its bytes are not UTF-8."""
        try:
            return self.bytes.decode()
        except UnicodeDecodeError:
            return None


class Body:
    """Bytes that are read at any offset."""

    def __init__(self, size: int, read_at: Callable[[int, int], bytes]) -> None:
        """Around ``size`` bytes that ``read_at(offset, max)`` gives; it may give fewer than it could, and none at the end."""
        self.size = size
        self._read_at = read_at

    @classmethod
    def of(cls, content: bytes) -> "Body":
        """A body of these bytes."""
        return cls(len(content), lambda offset, most: content[offset : offset + most])

    def read(self, offset: int, most: int) -> bytes:
        """Up to ``most`` bytes from ``offset``; empty at the end."""
        return b"" if offset >= self.size or most <= 0 else self._read_at(offset, min(most, self.size - offset))

    def pieces(self, most: int = PIECE_BYTES) -> Iterator[bytes]:
        """All of it in pieces, in order."""
        offset = 0
        while piece := self.read(offset, most):
            offset += len(piece)
            yield piece

    def bytes(self, most: int = WHOLE_BYTES) -> bytes:
        """The whole of it, if it has at most ``most`` bytes; else :class:`InvalidInput`."""
        if self.size > most:
            raise InvalidInput(f"the message has {self.size} bytes and may have {most}")
        return b"".join(self.pieces())

    def text(self, most: int = WHOLE_BYTES) -> str:
        """The whole of it as text, if it has at most ``most`` bytes and is UTF-8; else :class:`InvalidInput`."""
        try:
            return self.bytes(most).decode()
        except UnicodeDecodeError as error:
            raise InvalidInput("the message is not UTF-8") from error

    def file(self) -> io.BufferedReader:
        """It as a binary file, for modules that read files: seekable, one piece in memory."""
        return io.BufferedReader(_Raw(self), PIECE_BYTES)

    def lines(self, most: int = LINE_BYTES) -> Iterator[Line]:
        """Its lines, one at a time whatever the size of the whole. A line of more than ``most`` bytes comes with its beginning
        and ``too_long``."""
        file, number, offset = self.file(), 0, 0
        while line := file.readline(most + 2):
            number += 1
            begin, offset = offset, offset + len(line)
            ended = line.endswith(b"\n")
            content = line.removesuffix(b"\n").removesuffix(b"\r") if ended or len(line) <= most else line
            too_long = len(content) > most
            yield Line(number, begin, content[:most], too_long)
            while not ended and (rest := file.readline(PIECE_BYTES)):
                ended = rest.endswith(b"\n")
                offset += len(rest)


class _Raw(io.RawIOBase):
    """What :class:`io.BufferedReader` reads from."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._body.size}[whence]
        if start + offset < 0:
            raise ValueError("seek before the start of the body")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        piece = self._body.read(self._position, len(buffer))
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)
