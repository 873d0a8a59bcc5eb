"""Counts records by key and keeps the sum as its state; fails on a negative number, as a defect would."""

import json

from lienthong_sdk import Folded, Keyed, Output, Rejected


class Transform:
    def apply(self, now: int, groups: list[Keyed]) -> list[Folded]:
        return [self.fold(now, group) for group in groups]

    def fold(self, now: int, group: Keyed) -> Folded:
        total = json.loads(group.state) if group.state else 0
        rejects = []
        for record in group.records:
            n = record["n"]
            if n < 0:
                raise ValueError("n is negative")
            if isinstance(n, int):
                total += n
            else:
                rejects.append(Rejected(json.dumps({"n": n}).encode(), "n is no whole number"))
        sums = {"key": group.key, "sum": total, "now": now}
        return Folded(group.key, [Output("values", [sums])], rejects, json.dumps(total).encode())
