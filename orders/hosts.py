"""The names under which this site is served: who asks by another one is told what to do.

A name of others that points to this machine would otherwise be a site of its own, with
this one's pages.
"""

from __future__ import annotations

import logging

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from .answers import GetResponse, refused
from .problems import Problem

logger = logging.getLogger(__name__)


def hosts_middleware(get_response: GetResponse) -> GetResponse:
    """Refuse requests by names that are not in ALLOWED_HOSTS, with a line in the log."""

    def answer(request: HttpRequest) -> HttpResponse:
        try:
            request.get_host()
        except DisallowedHost as error:  # says which name to add
            logger.warning("%s", error)
            return refused(request, foreign_host())
        return get_response(request)

    return answer


def foreign_host() -> Problem:
    """The problem of a request or a handshake by a name that is not this site's."""
    return Problem(
        400,
        "foreign_host",
        "This site is not served under the name in the Host header. Use one of its own "
        "names, or have its operator add this one to ALLOWED_HOSTS and start it again.",
    )
