"""The sandbox's side of a call: bodies, emits, rejections and attachments."""

from collections.abc import Callable
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world.imports import io

from ..body import Body
from ..call import Attached, Attachment, Call, Refusal, Verdict
from ..failure import Stopped, Upstream
from .environment import HubEnvironment

R = TypeVar("R")


def call() -> Call:
    """A call of the hub's."""
    return Call(HubEnvironment(), _HubOutput())


def body(blob: Any) -> Body:
    """The hub's blob as a body."""

    def read_at(offset: int, most: int) -> bytes:
        try:
            return blob.read(offset, most)
        except Err as error:
            raise Upstream(f"the hub cannot read the message: {getattr(error.value, 'value', 'read past its end')}") from None

    return Body(blob.size(), read_at)


class _HubOutput:
    def emit(self, port: str, records: bytes) -> Verdict:
        verdict = _stopping(lambda: io.emit(port, records))
        first = [Refusal(one.pointer, one.keyword, one.message) for one in verdict.first]
        return Verdict(verdict.accepted, verdict.refused, first)

    def reject(self, port: str, content: bytes, reason: str, at: str | None) -> None:
        _stopping(lambda: io.reject(port, bytes(content), reason, at))

    def attach(self, port: str) -> Attachment:
        return _HubAttachment(_stopping(lambda: io.attach(port)))


class _HubAttachment:
    def __init__(self, attachment: Any) -> None:
        self._attachment = attachment

    def write(self, content: bytes) -> None:
        _stopping(lambda: self._attachment.write(bytes(content)))

    def finish(self) -> Attached:
        attached = _stopping(lambda: io.finish(self._attachment))
        return Attached(attached.sha256, attached.size)


def _stopping(run: Callable[[], R]) -> R:
    try:
        return run()
    except Err as error:
        stopped = error.value
    if isinstance(stopped, io.Stopped_UnknownPort):
        raise Stopped("unknown-port", f"the connector's `emits:` has no port `{stopped.value}`: name a channel for it")
    raise Stopped("limit" if isinstance(stopped, io.Stopped_Limit) else "cancelled", stopped.value)
