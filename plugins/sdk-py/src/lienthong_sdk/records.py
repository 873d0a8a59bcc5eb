"""Newline-delimited records, as transforms and sinks get and give them."""

import json
from typing import Any


def read(ndjson: bytes) -> list[dict[str, Any]]:
    """The records of the lines."""
    return [json.loads(line) for line in ndjson.split(b"\n") if line]


def write(records: list[dict[str, Any]]) -> bytes:
    """A line for each record."""
    text = "".join(json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n" for record in records)
    return text.encode()
