"""``sink``."""

from types import ModuleType
from typing import Any

from wit_world import exports
from wit_world.exports import sink as wit

from .. import records
from ..call import Context
from ..interfaces import Delivered, Item, Retry, Status
from .environment import HubEnvironment
from .thrown import guarded, implementation


def guest(plugin: ModuleType) -> type:
    """The component's class, from the plugin's."""
    sink = implementation(plugin, "Sink", "deliver")

    class Sink(exports.Sink):
        def deliver(self, batch: Any, idempotency_key: str) -> list[Any]:
            def run() -> list[Any]:
                items = [Item(id, record) for id, record in zip(batch.ids, records.read(batch.records), strict=True)]
                statuses = sink().deliver(Context(HubEnvironment()), batch.channel, items, idempotency_key)
                return [_status(status) for status in statuses]

            return guarded(run)

    return Sink


def _status(status: Status) -> Any:
    if isinstance(status, Delivered):
        return wit.ItemStatus_Delivered()
    return wit.ItemStatus_Retry(status.why) if isinstance(status, Retry) else wit.ItemStatus_Refused(status.why)
