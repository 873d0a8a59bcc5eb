"""Outbound HTTP: requests and their answers. Only the hosts of the connector's ``egress:`` list answer; credentials are put in by the
hub."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .failure import Config, RateLimited, Unauthorized, Upstream

WHOLE_BYTES = 8 << 20


@dataclass(frozen=True)
class Request:
    """One request."""

    method: str
    url: str
    """Absolute, ``http://`` or ``https://``."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Response:
    """An answer whose body has not been read yet. Any status is an answer."""

    def __init__(self, status: int, headers: list[tuple[str, bytes]], read: Callable[[int], bytes]) -> None:
        """``read(most)`` gives the body in order, and nothing at its end."""
        self.status = status
        self._headers = headers
        self._read = read

    @classmethod
    def of(cls, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> "Response":
        """An answer of these parts, for tests."""
        rest = bytearray(body)

        def read(most: int) -> bytes:
            piece = bytes(rest[:most])
            del rest[:most]
            return piece

        return cls(status, [(name, value.encode()) for name, value in (headers or {}).items()], read)

    def header(self, name: str) -> str | None:
        """A header's first value, if it is text. Names are compared without regard to case."""
        for own, value in self._headers:
            if own.lower() == name.lower():
                try:
                    return value.decode()
                except UnicodeDecodeError:
                    return None
        return None

    def ok(self) -> "Response":
        """This answer, if its status is good or 304; every other one as the failure that the hub understands."""
        if 200 <= self.status < 300 or self.status == 304:
            return self
        said = f"the server answered {self.status}"
        if self.status in (401, 403):
            raise Unauthorized(said)
        if self.status in (404, 410):
            raise Config(f"{said}: check the address")
        if self.status == 429:
            after = (self.header("retry-after") or "").strip()
            raise RateLimited(min(int(after), 0xFFFFFFFF) if after.isascii() and after.isdigit() else None)
        raise Upstream(said)

    def read(self, most: int) -> bytes:
        """Up to ``most`` bytes of the body; nothing at its end."""
        return self._read(most)

    def bytes(self, most: int = WHOLE_BYTES) -> bytes:
        """The rest of the body, if it has at most ``most`` bytes; else :class:`Upstream`."""
        pieces, size = [], 0
        while piece := self._read(64 << 10):
            size += len(piece)
            if size > most:
                raise Upstream(f"the answer has more than {most} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def text(self, most: int = WHOLE_BYTES) -> str:
        """The rest of the body as UTF-8."""
        try:
            return self.bytes(most).decode()
        except UnicodeDecodeError as error:
            raise Upstream("the answer is not UTF-8") from error

    def json(self, most: int = WHOLE_BYTES) -> Any:
        """The rest of the body as JSON."""
        try:
            return json.loads(self.text(most))
        except ValueError as error:
            raise Upstream(f"the answer is not JSON: {error}") from error
