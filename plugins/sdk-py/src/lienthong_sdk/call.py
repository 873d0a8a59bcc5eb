"""What a plugin has around it: settings, log, the way out, and where its records go."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from . import http
from .failure import Internal

Level = Literal["error", "warn", "info", "debug"]

CHUNK_BYTES = 256 << 10
"""Emits cross the boundary in pieces of about so many bytes."""
MAX_FIRST = 16


@dataclass(frozen=True)
class Refusal:
    """Why a channel's schema refused a record."""

    pointer: str
    """JSON pointer to the value at fault."""
    keyword: str
    """The schema keyword that it broke."""
    message: str


@dataclass
class Verdict:
    """What became of emitted records. Refused ones are in quarantine already; the call goes on."""

    accepted: int = 0
    refused: int = 0
    first: list[Refusal] = field(default_factory=list)
    """The first refusals, at most 16."""


@dataclass(frozen=True)
class Attached:
    """What a record says of a file that belongs to it."""

    sha256: str
    size: int


class Attachment(Protocol):
    """A file on its way into the hub. One that is dropped unfinished is forgotten."""

    def write(self, content: bytes) -> None:
        """Adds bytes at the end."""

    def finish(self) -> Attached:
        """Ends it, and tells what a record has to say of it."""


class Environment(Protocol):
    """What every plugin but a transform has around it: the sandbox's, or a test's."""

    def settings(self) -> str: ...
    def log(self, level: Level, message: str) -> None: ...
    def fetch(self, request: http.Request) -> http.Response: ...


class Output(Protocol):
    """Where a source's or receiver's output goes."""

    def emit(self, port: str, records: bytes) -> Verdict: ...
    def reject(self, port: str, content: bytes, reason: str, at: str | None) -> None: ...
    def attach(self, port: str) -> Attachment: ...


class Context:
    """Settings, log and HTTP."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._settings: dict[str, Any] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The connector's settings. The hub has checked them against the schema in plugin.toml."""
        if self._settings is None:
            self._settings = json.loads(self._environment.settings())
        return self._settings

    def log(self, level: Level, message: str) -> None:
        """Tells the operator. Nothing personal belongs here."""
        self._environment.log(level, message)

    def fetch(self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b"") -> http.Response:
        """Sends a request, where plugin.toml asks for HTTP and the operator lists the host. Any status is an answer, see
        :meth:`~lienthong_sdk.http.Response.ok`; what does not get through is an ``Upstream``."""
        return self._environment.fetch(http.Request(method, url, dict(headers or {}), body))


class Call(Context):
    """One call of a source or receiver. Records are collected and cross the boundary in chunks; what is left is flushed when the
    call returns well."""

    def __init__(self, environment: Environment, output: Output) -> None:
        super().__init__(environment)
        self._output = output
        self._pending: dict[str, bytearray] = {}
        self.verdict = Verdict()
        """What became of the records that were flushed since the verdict was last taken."""
        self.rejected = 0
        """How many items this call rejected so far."""

    def emit(self, port: str, record: Mapping[str, Any]) -> None:
        """Emits one record: a JSON object. A float that JSON cannot write is an error."""
        if not isinstance(record, Mapping):
            raise Internal("a record must be a mapping")
        text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        waiting = self._pending.setdefault(port, bytearray())
        waiting += text.encode() + b"\n"
        if len(waiting) >= CHUNK_BYTES:
            self._flush(port)

    def reject(self, port: str, content: bytes, reason: str, at: str | None = None) -> None:
        """Puts one bad item into the quarantine of the port's channel, whole; the rest goes on. ``at`` says where, for example
        ``line 7``."""
        self.rejected += 1
        self._output.reject(port, content, reason, at)

    def attach(self, port: str) -> Attachment:
        """Begins a file that belongs to records of the port's channel."""
        return self._output.attach(port)

    def flush(self) -> None:
        """Sends what was collected."""
        for port in self._pending:
            self._flush(port)

    def take_verdict(self) -> Verdict:
        """The verdict, and begins a new one."""
        taken, self.verdict = self.verdict, Verdict()
        return taken

    def _flush(self, port: str) -> None:
        waiting = self._pending[port]
        if not waiting:
            return
        verdict = self._output.emit(port, bytes(waiting))
        waiting.clear()
        self.verdict.accepted += verdict.accepted
        self.verdict.refused += verdict.refused
        self.verdict.first += verdict.first[: MAX_FIRST - len(self.verdict.first)]
