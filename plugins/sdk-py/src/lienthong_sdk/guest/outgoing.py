"""``wasi:http``, blocking."""

from typing import Any
from urllib.parse import urlsplit

from componentize_py_types import Err, Ok
from wit_world.imports import http_types as wit
from wit_world.imports import outgoing_handler
from wit_world.imports.streams import StreamError_Closed

from .. import http
from ..failure import Config, Upstream

WRITE_BYTES = 4096
"""``blocking-write-and-flush`` takes at most this much."""

_METHODS = {
    "GET": wit.Method_Get,
    "HEAD": wit.Method_Head,
    "POST": wit.Method_Post,
    "PUT": wit.Method_Put,
    "PATCH": wit.Method_Patch,
    "DELETE": wit.Method_Delete,
}


def send(request: http.Request) -> http.Response:
    """Sends one request and waits for the head of its answer."""
    url = urlsplit(request.url)
    if url.scheme not in ("http", "https") or not url.netloc:
        raise Config(f"{request.url}: an address begins with http:// or https:// and a host")
    try:
        return _send(request, url)
    except Err as error:
        raise Upstream(f"{url.netloc}: {_words(error.value)}") from None


def _send(request: http.Request, url: Any) -> http.Response:
    fields = wit.Fields()
    for name, value in request.headers.items():
        fields.append(name, value.encode())
    outgoing = wit.OutgoingRequest(fields)
    outgoing.set_method(_METHODS.get(request.method, lambda: wit.Method_Other(request.method))())
    outgoing.set_scheme(wit.Scheme_Https() if url.scheme == "https" else wit.Scheme_Http())
    outgoing.set_authority(url.netloc)
    outgoing.set_path_with_query((url.path or "/") + (f"?{url.query}" if url.query else ""))
    body = outgoing.body()
    pending = outgoing_handler.handle(outgoing, None)
    if request.body:
        with body.write() as stream:
            for start in range(0, len(request.body), WRITE_BYTES):
                stream.blocking_write_and_flush(request.body[start : start + WRITE_BYTES])
    wit.OutgoingBody.finish(body, None)
    with pending.subscribe() as ready:
        ready.block()
    answer = pending.get()
    # An option of a result of a result: when, whether it was asked for once, and how it went.
    for _ in range(2):
        if isinstance(answer, Err):
            raise answer
        if isinstance(answer, Ok):
            answer = answer.value
    if answer is None:
        raise Upstream(f"{url.netloc}: the answer was lost")
    return _response(answer)


def _response(answer: Any) -> http.Response:
    status, headers = answer.status(), list(answer.headers().entries())
    body = answer.consume()
    stream = body.stream()

    def read(most: int) -> bytes:
        # The stream is the child of the body, and that of the answer: they live as long as somebody reads.
        _ = (answer, body)
        try:
            while True:
                if piece := stream.blocking_read(most):
                    return piece
        except Err as error:
            if isinstance(error.value, StreamError_Closed):
                return b""
            raise Upstream(f"the answer broke off: {error.value.value.to_debug_string()}") from None

    return http.Response(status, headers, read)


def _words(error: Any) -> str:
    """An error of the contract in words: ``ErrorCode_ConnectionRefused`` is `connection refused`."""
    name = type(error).__name__.removeprefix("ErrorCode_")
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
    value = getattr(error, "value", None)
    return words if value is None else f"{words} ({value})"
