"""Posts records of __schema__ to an agency's system, one by one."""

import json
from typing import Any

from lienthong_sdk import Context, Delivered, Failure, Item, Refused, Retry

from .records import __Record__

AGAIN = {408, 425, 429}


class Sink:
    """The connector."""

    def deliver(self, context: Context, channel: str, items: list[Item], idempotency_key: str) -> list[Delivered | Retry | Refused]:
        """One request a record. The record's id goes with it, so that the system knows a repeat: a batch may come again."""
        return [post(context, item) for item in items]


def post(context: Context, item: Item) -> Delivered | Retry | Refused:
    """One record."""
    headers = {"content-type": "application/json", "idempotency-key": item.id}
    body = json.dumps(from_record(__Record__(**item.record))).encode()
    try:
        answer = context.fetch(context.settings["url"], method="POST", headers=headers, body=body)
    except Failure as failure:
        return Retry(str(failure))
    # 409: it has this id already.
    if 200 <= answer.status < 300 or answer.status == 409:
        return Delivered()
    said = f"the server answered {answer.status}"
    return Retry(said) if answer.status >= 500 or answer.status in AGAIN else Refused(said)


def from_record(record: __Record__) -> dict[str, Any]:
    """A record as your system takes it."""
    return dict(record)
