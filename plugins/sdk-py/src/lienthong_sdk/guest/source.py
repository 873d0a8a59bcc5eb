"""``source``."""

from types import ModuleType
from typing import Any

from wit_world import exports
from wit_world.exports import source as wit

from .hub_io import call
from .thrown import guarded, implementation


def guest(plugin: ModuleType) -> type:
    """The component's class, from the plugin's."""
    source = implementation(plugin, "Source", "poll")

    class Source(exports.Source):
        def poll(self, now: int, since: bytes | None, max_records: int) -> Any:
            def run() -> Any:
                own = call()
                progress = source().poll(own, now, since, max_records)
                own.flush()
                return wit.Progress(progress.next, progress.more)

            return guarded(run)

    return Source
