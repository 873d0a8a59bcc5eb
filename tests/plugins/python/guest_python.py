"""A guest of the hub's tests that does what its message says."""

import random
import time
from dataclasses import asdict
from typing import NoReturn

from lienthong_sdk import (
    Call,
    Config,
    Context,
    Delivered,
    InvalidInput,
    Item,
    Message,
    Progress,
    Refused,
    Reply,
    Retry,
)


def innermost() -> NoReturn:
    raise ValueError("a defect of the plugin")


class Receiver:
    def receive(self, call: Call, message: Message) -> Reply | None:
        what = message.body.read(0, 64).decode(errors="replace").split("\n")[0]
        act = getattr(self, what, None)
        if act is None:
            raise InvalidInput(f"nobody does `{what}`")
        return act(call, message)

    def lines(self, call: Call, message: Message) -> Reply:
        for line in message.body.lines(16):
            if line.too_long or line.text is None:
                call.reject("values", line.bytes, "too long" if line.too_long else "not UTF-8", f"line {line.number}")
            elif line.number > 1:
                call.emit(
                    "values",
                    {
                        "value": line.text,
                        "name": message.name,
                        "contentType": message.content_type,
                        "receivedAt": message.received_at,
                        "settings": call.settings,
                    },
                )
        call.log("info", "read")
        call.flush()
        verdict = call.verdict
        pointer = verdict.first[0].pointer if verdict.first else "undefined"
        return Reply("text/plain", f"{verdict.accepted} {verdict.refused} {pointer} {call.rejected}".encode())

    def attach(self, call: Call, message: Message) -> None:
        file = call.attach("values")
        file.write(b"ab")
        file.write(b"c")
        call.emit("values", asdict(file.finish()))

    def defect(self, call: Call, message: Message) -> None:
        innermost()

    def deep(self, call: Call, message: Message) -> None:
        def deeper(n: int) -> int:
            return 1 + deeper(n + 1)

        deeper(0)

    def hoard(self, call: Call, message: Message) -> None:
        everything = []
        while True:
            everything.append(bytearray(1 << 20))

    def port(self, call: Call, message: Message) -> None:
        call.emit("nowhere", {})
        call.flush()

    def setting(self, call: Call, message: Message) -> None:
        raise Config("`colour` is no colour")

    def odd(self, call: Call, message: Message) -> None:
        raise SystemExit("a text")

    def library(self, call: Call, message: Message) -> Reply:
        return Reply("text/plain", f"{type(time.time()).__name__} {type(random.random()).__name__}".encode())


class Source:
    def poll(self, call: Call, now: int, since: bytes | None, max_records: int) -> Progress:
        headers = {"x-since": since.decode() if since else "never"}
        response = call.fetch(call.settings["url"], method="POST", body=b"ping", headers=headers).ok()
        etag = response.header("etag")
        call.emit("values", {"value": response.text(), "now": now, "maxRecords": max_records, "etag": etag})
        return Progress(f"at {now}".encode(), since is None)


class Sink:
    def deliver(self, context: Context, channel: str, items: list[Item], key: str) -> list[Delivered | Retry | Refused]:
        context.log("info", f"{channel} {key}")
        answers = [Delivered(), Retry("later"), Refused("no room")]
        return [Retry(item.id) if item.record["n"] == 1 else answers[item.record["n"]] for item in items]
