"""The sandbox's side of a context."""

from wit_world.imports import config, log

from .. import http
from ..call import Level
from ..failure import Internal

try:
    from .outgoing import send
except ImportError:

    def send(request: http.Request) -> http.Response:
        raise Internal("there is no way out: say `[egress] http = true` in plugin.toml")


_LEVELS = {"error": log.Level.ERROR, "warn": log.Level.WARN, "info": log.Level.INFO, "debug": log.Level.DEBUG}


class HubEnvironment:
    """The hub's functions, by the names that the SDK gives them."""

    def settings(self) -> str:
        return config.settings()

    def log(self, level: Level, message: str) -> None:
        log.write(_LEVELS[level], message)

    def fetch(self, request: http.Request) -> http.Response:
        return send(request)
