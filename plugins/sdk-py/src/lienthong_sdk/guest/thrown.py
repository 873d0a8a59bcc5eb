"""How an export fails."""

from collections.abc import Callable
from typing import Any, TypeVar

import wit_world.imports.connector_types as wit
from componentize_py_types import Err

from ..failure import as_failure

R = TypeVar("R")

_CASES: dict[str, Callable[[Any], Any]] = {
    "invalid-input": wit.Failure_InvalidInput,
    "unauthorized": wit.Failure_Unauthorized,
    "rate-limited": wit.Failure_RateLimited,
    "upstream": wit.Failure_Upstream,
    "config": wit.Failure_Config,
    "internal": wit.Failure_Internal,
}


def guarded(run: Callable[[], R]) -> R:
    """Runs an export; whatever is raised in it becomes a failure with a message, so that no call ends in a bare trap."""
    try:
        return run()
    except BaseException as raised:
        case, value = as_failure(raised)
    raise Err(_CASES[case](value))


def implementation(plugin: Any, name: str, method: str) -> Any:
    """The plugin's class of that name, which must have the method. Asked for while the component is built."""
    found = getattr(plugin, name, None)
    if not callable(getattr(found, method, None)):
        raise ImportError(f"the module `{plugin.__name__}` has no class `{name}` with a method `{method}`")
    return found
