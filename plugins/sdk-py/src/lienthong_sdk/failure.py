"""Why a call failed as a whole, as exceptions to raise. Nothing that the call emitted counts then."""

import traceback

STACK_CHARS = 4000
"""The most of a traceback that is told: its end is what matters."""


class Failure(Exception):
    """The base of them; ``tag`` is the case of the contract's ``failure``."""

    tag = "internal"


class InvalidInput(Failure):
    """The message cannot be read at all; sending it again will not help."""

    tag = "invalid-input"


class Unauthorized(Failure):
    """The agency system did not accept the credentials."""

    tag = "unauthorized"


class RateLimited(Failure):
    """The agency system asks for patience, for so many seconds if it said so."""

    tag = "rate-limited"

    def __init__(self, seconds: int | None = None) -> None:
        super().__init__("rate limited" if seconds is None else f"rate limited for {seconds} s")
        self.seconds = seconds


class Upstream(Failure):
    """The agency system failed or did not answer; trying again later may help."""

    tag = "upstream"


class Config(Failure):
    """The connector's settings are wrong; a person must mend them."""

    tag = "config"


class Internal(Failure):
    """The plugin itself is at fault. What is raised and is none of these becomes one, with its traceback."""


class Stopped(Failure):
    """The hub takes no more from this call. Let it pass: what was refused is lost, so the call fails either way."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.tag = "upstream" if kind == "cancelled" else "config"


def as_failure(raised: BaseException) -> tuple[str, str | int | None]:
    """Whatever was raised, as case and value of the contract's ``failure``."""
    if isinstance(raised, RateLimited):
        return raised.tag, raised.seconds
    if isinstance(raised, Failure):
        return raised.tag, str(raised)
    return "internal", _describe(raised)


def _describe(raised: BaseException) -> str:
    """Type, message and traceback, whatever it is: this must not raise itself."""
    try:
        head = "".join(traceback.format_exception_only(raised)).strip()
        # Without the lines themselves: a component has no sources, and a transform no file system to look for them.
        frames = traceback.walk_tb(raised.__traceback__)
        stack = "\n".join(f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name}' for frame, line in frames)
        return f"{head}\n{stack[-STACK_CHARS:]}"
    except Exception:
        return f"{type(raised).__name__}: an exception that cannot be shown"
