"""The four interfaces, as a plugin implements them: classes without arguments, named as the interface."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from .body import Body
from .call import Call, Context


@dataclass(frozen=True)
class Message:
    """One message as it came."""

    body: Body
    name: str | None
    """The file's name, where there was one."""
    content_type: str | None
    """The media type the sender declared."""
    received_at: int
    """When the hub received it, milliseconds since 1970-01-01T00:00:00Z."""


@dataclass(frozen=True)
class Reply:
    """Bytes for the sender, sent after everything the call emitted is durable."""

    content_type: str
    body: bytes


@dataclass(frozen=True)
class Progress:
    """Where a poll came to."""

    next: bytes | None = None
    """Where the next call resumes, at most 64 KiB; none leaves the checkpoint as it is."""
    more: bool = False
    """More is waiting: the hub calls again at once."""


@dataclass(frozen=True)
class Rejected:
    """One item that is not a record."""

    bytes: bytes
    reason: str
    at: str | None = None


@dataclass(frozen=True)
class Keyed:
    """What happened under one key since the last call."""

    key: str
    state: bytes | None
    """What this key's last call gave back."""
    records: list[dict[str, Any]]
    """May be empty: the hub also calls on a schedule."""


@dataclass(frozen=True)
class Output:
    """Records for a port."""

    port: str
    records: list[dict[str, Any]]


@dataclass(frozen=True)
class Folded:
    """What a transform made of one group."""

    key: str
    outputs: list[Output] = field(default_factory=list)
    rejects: list[Rejected] = field(default_factory=list)
    state: bytes | None = None
    """Kept by the hub, at most 64 KiB; none forgets the key."""


@dataclass(frozen=True)
class Item:
    """A record to deliver, with its stable id."""

    id: str
    record: dict[str, Any]


@dataclass(frozen=True)
class Delivered:
    """The system has it."""


@dataclass(frozen=True)
class Retry:
    """Try this one again later; why."""

    why: str


@dataclass(frozen=True)
class Refused:
    """The system will never take it; why."""

    why: str


Status = Delivered | Retry | Refused


class Receiver(Protocol):
    """A plugin that is sent messages: files, HTTP posts, HL7 frames."""

    def receive(self, call: Call, message: Message) -> Reply | None:
        """Reads one message."""


class Source(Protocol):
    """A plugin that fetches: the hub calls it again and again."""

    def poll(self, call: Call, now: int, since: bytes | None, max_records: int) -> Progress:
        """Emits what is new since the cursor, about ``max_records`` of it. ``now`` is in milliseconds since 1970."""


class Transform(Protocol):
    """A pure function from records to records: time and state are arguments."""

    def apply(self, now: int, groups: list[Keyed]) -> list[Folded]:
        """One result a group, in the groups' order."""


class Sink(Protocol):
    """A plugin that delivers records to an agency system."""

    def deliver(self, context: Context, channel: str, items: list[Item], idempotency_key: str) -> list[Status]:
        """One status a record. A repeat under the same key must not deliver twice."""
