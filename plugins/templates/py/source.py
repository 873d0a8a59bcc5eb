"""Fetches __schema__ page by page."""

import json
from typing import Any

from lienthong_sdk import Call, Progress, Upstream

from .records import __Record__

PORT = "__port__"


class Source:
    """The connector."""

    def poll(self, call: Call, now: int, since: bytes | None, max_records: int) -> Progress:
        """One page a call. The cursor is what the page before called its next one: put your system's paging in its place."""
        after = (since or b"").decode(errors="replace")
        page = parsed(call.fetch(f"{call.settings['url']}?after={after}").ok().json())
        for index, item in enumerate(page["items"]):
            if isinstance(item, dict):
                call.emit(PORT, to_record(item))
            else:
                call.reject(PORT, json.dumps(item).encode(), "this item is no JSON object", f"/items/{index}")
        following = page.get("next")
        return Progress(following.encode() if following is not None else None, more=following is not None)


def parsed(page: Any) -> dict[str, Any]:
    """A page that cannot be read is the system's trouble, and may be whole next time."""
    if isinstance(page, dict) and isinstance(page.get("items"), list) and isinstance(page.get("next", ""), str | None):
        return page
    raise Upstream("the answer is no page of items")


def to_record(item: dict[str, Any]) -> __Record__:
    """An item of your system as a record."""
    return __Record__(**item)
