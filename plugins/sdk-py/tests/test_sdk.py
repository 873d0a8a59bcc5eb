import hashlib
import unittest
from dataclasses import asdict
from typing import Any

from lienthong_sdk import (
    Body,
    Call,
    Config,
    Context,
    Delivered,
    Folded,
    Internal,
    InvalidInput,
    Item,
    Keyed,
    Message,
    Output,
    Progress,
    RateLimited,
    Refusal,
    Refused,
    Reply,
    Response,
    Retry,
    Stopped,
    Unauthorized,
    Upstream,
    Verdict,
)
from lienthong_sdk.failure import as_failure
from lienthong_sdk.testing import Hub, Reject


class Receiving:
    """A receiver of one function."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def receive(self, call: Call, message: Message) -> Reply | None:
        return self._run(call, message)


class Bodies(unittest.TestCase):
    def test_read_at_any_offset_whole_and_as_a_file(self) -> None:
        content = bytes(i % 251 for i in range(400_000))
        body = Body.of(content)
        self.assertEqual(b"".join(body.pieces()), content)
        self.assertEqual(body.bytes(), content)
        self.assertEqual(body.read(399_998, 10), content[399_998:])
        self.assertEqual(body.read(400_000, 10), b"")
        with self.assertRaisesRegex(InvalidInput, "has 400000 bytes and may have 399999"):
            body.bytes(399_999)
        with self.assertRaises(InvalidInput):
            Body.of(b"\xff").text()
        file = body.file()
        for offset in (0, 1, 131_071, 131_072, 399_999, 400_000, 500_000):
            file.seek(offset)
            self.assertEqual(file.read(), content[offset:], offset)
        self.assertEqual(file.seek(-3, 2), 399_997)
        with self.assertRaises(ValueError):
            file.seek(-1)

    def test_lines_come_without_their_ends_bounded_with_number_and_place(self) -> None:
        def lines(text: bytes, most: int = 1 << 20) -> list[tuple[int, int, str | None, bool]]:
            return [(line.number, line.offset, line.text, line.too_long) for line in Body.of(text).lines(most)]

        self.assertEqual(lines(b"a\r\n\nbc"), [(1, 0, "a", False), (2, 3, "", False), (3, 4, "bc", False)])
        self.assertEqual(lines(b""), [])
        self.assertEqual(lines(b"abcde\nxy\n", 3), [(1, 0, "abc", True), (2, 6, "xy", False)])
        self.assertEqual(lines(b"abc\r\nabc\nabcd", 3), [(1, 0, "abc", False), (2, 5, "abc", False), (3, 9, "abc", True)])
        self.assertEqual(lines(b"\xff\n"), [(1, 0, None, False)])
        long = b"x" * 200_000
        self.assertEqual(
            [(o, len(t or "")) for _, o, t, _ in lines(long + b"\n" + long + b"\r\nz")], [(0, 200_000), (200_001, 200_000), (400_003, 1)]
        )
        self.assertEqual([(n, o, too) for n, o, _, too in lines(long + b"\nz", 10)], [(1, 0, True), (2, 200_001, False)])


class Calls(unittest.TestCase):
    def test_records_are_collected_and_told_apart_by_their_verdict(self) -> None:
        def refuse(port: str, record: dict[str, Any]) -> Refusal | None:
            return Refusal("/n", "minimum", "too small") if record["n"] < 0 else None

        verdicts = []

        def run(call: Call, _: Message) -> None:
            for n in range(-20, 5):
                call.emit("a", {"n": n})
            call.flush()
            verdicts.append(call.take_verdict())
            call.emit("b", {"n": 1})
            verdicts.append(call.take_verdict())

        hub = Hub(refuse=refuse)
        hub.receive(Receiving(run), b"")
        self.assertEqual((verdicts[0].accepted, verdicts[0].refused, len(verdicts[0].first)), (5, 20, 16))
        self.assertEqual(verdicts[1], Verdict())
        self.assertEqual(hub.records("b"), [{"n": 1}])

        large = Hub()
        large.receive(Receiving(lambda call, _: [call.emit("a", {"text": "x" * 100_000}) for _ in range(10)] and None), b"")
        self.assertEqual(len(large.records("a")), 10)
        self.assertTrue(len(large.emitted) > 2 and all(len(records) < 400_000 for _, records in large.emitted))

    def test_what_a_message_says_and_what_comes_of_it(self) -> None:
        def run(call: Call, message: Message) -> Reply:
            self.assertEqual(
                (message.body.text(), message.name, message.content_type, message.received_at), ("xin chào", "n.txt", "text/plain", 7)
            )
            self.assertEqual(call.settings, {"a": 1})
            call.reject("a", b"bad", "why", "line 1")
            call.log("warn", "odd")
            file = call.attach("a")
            file.write(b"a")
            file.write(b"bc")
            call.emit("a", asdict(file.finish()))
            self.assertEqual(call.rejected, 1)
            return Reply("text/plain", b"thanks")

        hub = Hub(settings={"a": 1}, name="n.txt", content_type="text/plain", now=7)
        self.assertEqual(hub.receive(Receiving(run), "xin chào".encode()), Reply("text/plain", b"thanks"))
        sha256 = hashlib.sha256(b"abc").hexdigest()
        self.assertEqual(hub.records("a"), [{"sha256": sha256, "size": 3}])
        self.assertEqual(hub.attachments["a", sha256], b"abc")
        self.assertEqual(hub.rejects, [Reject("a", b"bad", "why", "line 1")])
        self.assertEqual(hub.logs, [("warn", "odd")])

    def test_what_a_record_cannot_be_and_a_limit(self) -> None:
        with self.assertRaises(Internal):
            Hub().receive(Receiving(lambda call, _: call.emit("a", [])), b"")
        with self.assertRaises(ValueError):
            Hub().receive(Receiving(lambda call, _: call.emit("a", {"n": float("nan")})), b"")
        with self.assertRaises(Stopped) as stopped:
            Hub(max_emits=0).receive(Receiving(lambda call, _: call.emit("a", {})), b"")
        self.assertEqual((stopped.exception.kind, stopped.exception.tag), ("limit", "config"))


class Failures(unittest.TestCase):
    def test_whatever_is_raised_becomes_a_failure_with_a_message(self) -> None:
        self.assertEqual(as_failure(Config("wrong")), ("config", "wrong"))
        self.assertEqual(as_failure(RateLimited(5)), ("rate-limited", 5))
        self.assertEqual(as_failure(RateLimited()), ("rate-limited", None))

        def innermost() -> None:
            raise KeyError("colour")

        try:
            innermost()
        except KeyError as error:
            tag, text = as_failure(error)
        self.assertEqual(tag, "internal")
        self.assertRegex(str(text), r"(?s)^KeyError: 'colour'\n.*test_sdk\.py.*innermost")

        class Odd(Exception):
            def __str__(self) -> str:
                raise RuntimeError("again")

        for odd in (Odd(), SystemExit(3), KeyboardInterrupt(), MemoryError()):
            tag, text = as_failure(odd)
            self.assertEqual(tag, "internal")
            self.assertIn(type(odd).__name__, str(text))

    def test_a_deep_recursion_is_told_in_a_few_lines(self) -> None:
        def deeper(n: int) -> int:
            return 1 + deeper(n + 1)

        try:
            deeper(0)
        except RecursionError as error:
            _, text = as_failure(error)
        self.assertLess(len(str(text)), 4_200)
        self.assertIn("deeper", str(text))


class Http(unittest.TestCase):
    def test_a_source_fetches(self) -> None:
        class Fetching:
            def poll(self, call: Call, now: int, since: bytes | None, max_records: int) -> Progress:
                response = call.fetch(call.settings["url"], headers={"if-none-match": "x"}).ok()
                call.emit(
                    "a",
                    {
                        "now": now,
                        "since": since and since.decode(),
                        "max": max_records,
                        "text": response.text(),
                        "etag": response.header("ETag"),
                    },
                )
                return Progress(b"c1")

        hub = Hub(settings={"url": "http://a.example/"}, now=9, answers=[Response.of(200, b"pong", {"etag": "e"}), OSError("gone")])
        self.assertEqual(hub.poll(Fetching(), b"c0", 5), Progress(b"c1"))
        self.assertEqual(hub.records("a"), [{"now": 9, "since": "c0", "max": 5, "text": "pong", "etag": "e"}])
        self.assertEqual(hub.requests[0].headers, {"if-none-match": "x"})
        with self.assertRaisesRegex(OSError, "gone"):
            hub.poll(Fetching())
        with self.assertRaisesRegex(Upstream, "egress"):
            hub.poll(Fetching())

    def test_statuses_become_the_failures_that_the_hub_understands(self) -> None:
        self.assertEqual([Response.of(status).ok().status for status in (200, 204, 304)], [200, 204, 304])
        for status, failure in ((401, Unauthorized), (403, Unauthorized), (404, Config), (410, Config), (500, Upstream), (301, Upstream)):
            with self.assertRaises(failure):
                Response.of(status).ok()
        for after, seconds in (("30", 30), (" 5 ", 5), ("Tue, 24 Nov 2026 00:00:00 GMT", None), ("٣", None)):
            with self.assertRaises(RateLimited) as limited:
                Response.of(429, headers={"retry-after": after}).ok()
            self.assertEqual(limited.exception.seconds, seconds)

    def test_bodies_are_bounded_and_what_they_say_they_are(self) -> None:
        self.assertEqual(Response.of(200, b'{"a":1}').json(), {"a": 1})
        with self.assertRaisesRegex(Upstream, "more than 3 bytes"):
            Response.of(200, b"abcd").bytes(3)
        with self.assertRaisesRegex(Upstream, "not JSON"):
            Response.of(200, b"<html>").json()
        with self.assertRaisesRegex(Upstream, "not UTF-8"):
            Response.of(200, b"\xff").text()


class TransformsAndSinks(unittest.TestCase):
    def test_groups_are_folded(self) -> None:
        class Sums:
            def apply(self, now: int, groups: list[Keyed]) -> list[Folded]:
                return [Folded(g.key, [Output("sums", [{"now": now, "sum": sum(r["n"] for r in g.records)}])], state=b"s") for g in groups]

        folded = Hub(now=3).apply(Sums(), [Keyed("k", None, [{"n": 1}, {"n": 2}])])
        self.assertEqual(folded, [Folded("k", [Output("sums", [{"now": 3, "sum": 3}])], state=b"s")])

    def test_each_record_has_a_status(self) -> None:
        class Delivering:
            def deliver(self, context: Context, channel: str, items: list[Item], key: str) -> list[Any]:
                return [
                    Delivered() if item.record["n"] == 0 else Retry(item.id) if item.record["n"] == 1 else Refused(key) for item in items
                ]

        statuses = Hub().deliver(Delivering(), "c/d", [{"n": 0}, {"n": 1}, {"n": 2}], "k")
        self.assertEqual(statuses, [Delivered(), Retry("c/d:1:1"), Refused("k")])


if __name__ == "__main__":
    unittest.main()
