"""Sessions at the handshake of a socket: a browser sends its cookie whoever asks it to."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.http.cookie import parse_cookie

from orders.origins import is_own_page
from orders.problems import Problem

from .authentication import principal_of_user
from .principal import Principal


def session_cookie(scope: Mapping[str, Any]) -> str | None:
    """Return the session that a handshake names, None for none."""
    for name, value in scope.get("headers", ()):
        if name == b"cookie":
            found = parse_cookie(value.decode("latin1"))
            if session_key := found.get(settings.SESSION_COOKIE_NAME):
                return session_key
    return None


def require_own_origin(scope: Mapping[str, Any]) -> None:
    """Raise the problem `foreign_origin` unless a page of this site opens the socket.

    Browsers let every page open sockets to every site, with that site's cookies.
    """
    if not is_own_page(scope):
        raise Problem(
            403,
            "foreign_origin",
            "With a session, a socket opens only from a page of this site: its Origin "
            "must be the site's own, or one of CSRF_TRUSTED_ORIGINS. Programs send an "
            "API key, and no cookie.",
        )


def principal_of_session(session_key: str) -> Principal | None:
    """Return who is logged in with a session, None for nobody. Raises database errors."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return principal_of_user(user, session_key) if user.is_authenticated else None
