"""Write connectors for Lienthong in Python: a class an interface, with the contract's names.

Nothing here needs the sandbox: a connector is imported and tested by plain Python, with :class:`lienthong_sdk.testing.Hub`.
"""

from .body import Body, Line
from .call import Attached, Attachment, Call, Context, Refusal, Verdict
from .failure import Config, Failure, Internal, InvalidInput, RateLimited, Stopped, Unauthorized, Upstream
from .http import Response
from .interfaces import (
    Delivered,
    Folded,
    Item,
    Keyed,
    Message,
    Output,
    Progress,
    Receiver,
    Refused,
    Rejected,
    Reply,
    Retry,
    Sink,
    Source,
    Transform,
)

__all__ = [
    "Attached",
    "Attachment",
    "Body",
    "Call",
    "Config",
    "Context",
    "Delivered",
    "Failure",
    "Folded",
    "Internal",
    "InvalidInput",
    "Item",
    "Keyed",
    "Line",
    "Message",
    "Output",
    "Progress",
    "RateLimited",
    "Receiver",
    "Refusal",
    "Refused",
    "Rejected",
    "Reply",
    "Response",
    "Retry",
    "Sink",
    "Source",
    "Stopped",
    "Transform",
    "Unauthorized",
    "Upstream",
    "Verdict",
]
