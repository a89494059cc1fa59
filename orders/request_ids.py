"""The name of a request, by which its answer, its log records and its orders are found."""

from __future__ import annotations

import re
from random import getrandbits

from .access.hidden import hide

HEADER = "X-Request-ID"
_OWN = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id_of(given: str) -> str:
    """Return the name that a caller gives a request, or a new one where it is not fit.

    An API key is not: the name is in logs, events and jobs.
    """
    is_fit = _OWN.fullmatch(given) and hide(given) == given
    return given if is_fit else _new_request_id()


def _new_request_id() -> str:
    # It is no secret. uuid4() would ask the kernel, and let go of the interpreter's lock
    # for that, for which the thread would then have to wait again.
    return f"{getrandbits(128):032x}"
