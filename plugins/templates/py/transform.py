"""Passes on the first record of each key, and counts the others."""

from lienthong_sdk import Folded, Keyed, Output

PORT = "__port__"


class Transform:
    """The transform."""

    def apply(self, now: int, groups: list[Keyed]) -> list[Folded]:
        """The state of a key is how many records it has had: put your own memory in its place."""
        return [fold(group) for group in groups]


def fold(group: Keyed) -> Folded:
    """One key."""
    before = counted(group.state)
    outputs = [Output(PORT, group.records[:1])] if before == 0 and group.records else []
    return Folded(group.key, outputs, state=str(before + len(group.records)).encode())


def counted(state: bytes | None) -> int:
    """A state that cannot be read is one that this version did not write: begin again."""
    return int(state) if state is not None and state.isdigit() and len(state) <= 18 else 0
