"""``transform``. It imports no function, so there is nothing of the hub here."""

from types import ModuleType
from typing import Any

import wit_world.imports.connector_types as types
from wit_world import exports
from wit_world.exports import transform as wit

from .. import records
from ..interfaces import Folded, Keyed
from .thrown import guarded, implementation


def guest(plugin: ModuleType) -> type:
    """The component's class, from the plugin's."""
    transform = implementation(plugin, "Transform", "apply")

    class Transform(exports.Transform):
        def apply(self, now: int, groups: list[Any]) -> list[Any]:
            def run() -> list[Any]:
                keyed = [Keyed(group.key, group.state, records.read(group.records)) for group in groups]
                return [_fold(folded) for folded in transform().apply(now, keyed)]

            return guarded(run)

    return Transform


def _fold(folded: Folded) -> Any:
    outputs = [wit.Output(output.port, records.write(output.records)) for output in folded.outputs]
    rejects = [types.Rejected(rejected.bytes, rejected.reason, rejected.at) for rejected in folded.rejects]
    return wit.Folded(folded.key, outputs, rejects, folded.state)
