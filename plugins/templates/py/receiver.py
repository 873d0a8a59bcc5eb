"""Reads __schema__ from files of JSON lines."""

import json
from typing import Any

from lienthong_sdk import Call, Message

from .records import __Record__

PORT = "__port__"


class Receiver:
    """The connector."""

    def receive(self, call: Call, message: Message) -> None:
        """One record a line, as JSON and in its own names: put your system's format in its place."""
        for line in message.body.lines():
            if line.text is not None and not line.text.strip():
                continue
            row = parsed(line.text)
            if row is None:
                call.reject(PORT, line.bytes, "this line is no JSON object", f"line {line.number}")
            else:
                call.emit(PORT, to_record(row))


def parsed(text: str | None) -> dict[str, Any] | None:
    """A row, or nothing where the text is none."""
    try:
        # JSON has no NaN; Python's reader does, unless it is told otherwise.
        row = json.loads(text or "", parse_constant=int)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def to_record(row: dict[str, Any]) -> __Record__:
    """A row of your system as a record."""
    return __Record__(**row)
