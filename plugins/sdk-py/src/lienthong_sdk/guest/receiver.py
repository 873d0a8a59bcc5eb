"""``receiver``."""

from types import ModuleType
from typing import Any

from wit_world import exports
from wit_world.exports import receiver as wit

from ..interfaces import Message
from .hub_io import body, call
from .thrown import guarded, implementation


def guest(plugin: ModuleType) -> type:
    """The component's class, from the plugin's."""
    receiver = implementation(plugin, "Receiver", "receive")

    class Receiver(exports.Receiver):
        def receive(self, message: Any) -> Any:
            def run() -> Any:
                own = call()
                received = Message(body(message.body), message.name, message.content_type, message.received_at)
                reply = receiver().receive(own, received)
                own.flush()
                return None if reply is None else wit.Reply(reply.content_type, bytes(reply.body))

            return guarded(run)

    return Receiver
