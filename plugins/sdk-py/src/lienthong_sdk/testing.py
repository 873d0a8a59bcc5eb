"""The hub's side in memory, so that a connector is tested by plain ``unittest``. It takes everything but what a test lets it refuse, and
checks no schema."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import records as ndjson
from .body import Body
from .call import Attached, Attachment, Call, Context, Level, Refusal, Verdict
from .failure import Stopped, Upstream
from .http import Request, Response
from .interfaces import Folded, Item, Keyed, Message, Progress, Receiver, Reply, Sink, Source, Status, Transform


@dataclass(frozen=True)
class Reject:
    """One rejected item."""

    port: str
    bytes: bytes
    reason: str
    at: str | None


@dataclass
class Hub:
    """A hub in memory: settings in; records, rejections and log lines out."""

    settings: dict[str, Any] = field(default_factory=dict)
    name: str | None = None
    """Messages come under this file name."""
    content_type: str | None = None
    now: int = 0
    """Messages come, and polls happen, at this time: milliseconds since 1970-01-01T00:00:00Z."""
    answers: list[Response | Exception] = field(default_factory=list)
    """What requests get in turn; one beyond them is denied."""
    refuse: Callable[[str, dict[str, Any]], Refusal | None] = lambda port, record: None
    """Plays the channels' schemas."""
    max_emits: int | None = None
    """Stops the call after so many emits, as the hub does when a limit is reached."""

    rejects: list[Reject] = field(default_factory=list, init=False)
    logs: list[tuple[Level, str]] = field(default_factory=list, init=False)
    requests: list[Request] = field(default_factory=list, init=False)
    emitted: list[tuple[str, bytes]] = field(default_factory=list, init=False)
    attachments: dict[tuple[str, str], bytes] = field(default_factory=dict, init=False)

    def receive(self, receiver: Receiver, body: bytes | Body) -> Reply | None:
        """Hands over one message."""
        call = self._call()
        body = body if isinstance(body, Body) else Body.of(body)
        reply = receiver.receive(call, Message(body, self.name, self.content_type, self.now))
        call.flush()
        return reply

    def poll(self, source: Source, since: bytes | None = None, max_records: int = 10_000) -> Progress:
        """Polls once."""
        call = self._call()
        progress = source.poll(call, self.now, since, max_records)
        call.flush()
        return progress

    def apply(self, transform: Transform, groups: list[Keyed]) -> list[Folded]:
        """Hands over groups."""
        return transform.apply(self.now, groups)

    def deliver(self, sink: Sink, channel: str, records: list[dict[str, Any]], idempotency_key: str = "key") -> list[Status]:
        """Delivers records, each under an id of its place."""
        items = [Item(f"{channel}:1:{index}", record) for index, record in enumerate(records)]
        return sink.deliver(Context(_Environment(self)), channel, items, idempotency_key)

    def records(self, port: str) -> list[dict[str, Any]]:
        """The records of a port, in order."""
        return [record for own, lines in self.emitted if own == port for record in ndjson.read(lines)]

    def _call(self) -> Call:
        return Call(_Environment(self), _Output(self))


class _Environment:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def settings(self) -> str:
        return json.dumps(self._hub.settings)

    def log(self, level: Level, message: str) -> None:
        self._hub.logs.append((level, message))

    def fetch(self, request: Request) -> Response:
        self._hub.requests.append(request)
        answer = self._hub.answers.pop(0) if self._hub.answers else Upstream(f"{request.url}: the connector's `egress:` does not list it")
        if isinstance(answer, Exception):
            raise answer
        return answer


class _Output:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def emit(self, port: str, records: bytes) -> Verdict:
        hub = self._hub
        if hub.max_emits is not None and len(hub.emitted) >= hub.max_emits:
            raise Stopped("limit", "the call emitted all it may")
        hub.emitted.append((port, records))
        refusals = [hub.refuse(port, record) for record in ndjson.read(records)]
        refused = [refusal for refusal in refusals if refusal is not None]
        return Verdict(len(refusals) - len(refused), len(refused), refused[:16])

    def reject(self, port: str, content: bytes, reason: str, at: str | None) -> None:
        self._hub.rejects.append(Reject(port, bytes(content), reason, at))

    def attach(self, port: str) -> Attachment:
        return _Attachment(self._hub, port)


class _Attachment:
    def __init__(self, hub: Hub, port: str) -> None:
        self._hub, self._port, self._bytes = hub, port, bytearray()

    def write(self, content: bytes) -> None:
        self._bytes += content

    def finish(self) -> Attached:
        content = bytes(self._bytes)
        sha256 = hashlib.sha256(content).hexdigest()
        self._hub.attachments[self._port, sha256] = content
        return Attached(sha256, len(content))
