"""Who makes a request: a key, else a session, else nobody; never two of them together."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from orders.problems import Problem
from orders.recent import Recent

from .addresses import address_of_request
from .groups import scopes_of
from .holders import name_of_session
from .keys import find_key
from .limits import count_unproved
from .principal import (
    EVERYTHING,
    Principal,
    Scope,
    authentication_required,
    invalid_key,
)


class Authentication(BaseAuthentication):
    """Gives each request its Principal as `request.auth`, or refuses it with 401.

    `request.user` is a user only where a session proved it: with a key nobody is logged in.
    """

    def authenticate(self, request: Request) -> tuple[Any, Principal]:
        try:
            return self._proved(request)
        except Problem as refusal:
            if refusal.status == 401:
                count_unproved(refusal, address_of_request(request.META))
            raise

    def _proved(self, request: Request) -> tuple[Any, Principal]:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is not None:
            return AnonymousUser(), principal_of_header(header)
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            user = request._request.user
            if user.is_authenticated:
                _check_csrf(request._request)
                session = request._request.session.session_key
                return user, principal_of_user(user, session or "")
        return AnonymousUser(), anonymous_principal()

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasScope(BasePermission):
    """Lets in who has the `scope` of the view. A view that names none needs trade."""

    def has_permission(self, request: Request, view: Any) -> bool:
        acting_for(request).require(getattr(view, "scope", Scope.TRADE))
        return True


def acting_for(request: Request) -> Principal:
    """Return who a request acts for, as Authentication found it."""
    return cast(Principal, request.auth)


def bearer_key(header: str) -> str:
    """Return the key of an Authorization header. Raises the problem `invalid_key`."""
    key = sent_key(header)
    if key is None:
        raise invalid_key()
    return key


def sent_key(header: str) -> str | None:
    """Return what an Authorization header sends as a key, whatever that is worth."""
    scheme, _, key = header.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def principal_of_header(header: str) -> Principal:
    """Return who sent an Authorization header. Raises Problem, database errors."""
    principal = find_key(bearer_key(header))
    if principal is None:
        raise invalid_key()
    return principal


def principal_of_user(user: Any, session_key: str) -> Principal:
    """Return what a user who is logged in may do. Raises database errors."""
    groups = user.groups.values_list("name", flat=True)
    scopes = EVERYTHING if user.is_superuser else scopes_of(groups, is_superuser=False)
    return Principal(user.pk, None, scopes, "session", name_of_session(session_key))


def anonymous_principal() -> Principal:
    """Return user `local`, for whom everybody acts where the settings say so.

    Raises the problem `authentication_required` where they do not, database errors.
    """
    principal = None
    if settings.ALLOW_ANONYMOUS:
        principal = _local.get("local", _read_local)
    if principal is None:
        raise authentication_required()
    return principal


def remembered_anonymous() -> Principal | None:
    """Return what anonymous_principal() would without the database; None: ask it."""
    return _local.peek("local") if settings.ALLOW_ANONYMOUS else None


_local: Recent[str, Principal | None] = Recent()


def _read_local() -> Principal | None:
    # Imports the models, which import this package.
    from orders.owners import local_owner

    owner = local_owner()
    if not owner.is_active:
        return None
    return Principal(owner.pk, None, EVERYTHING, "anonymous")


def _no_answer(request: HttpRequest) -> Any:
    """Stand for the view, which the check takes and never calls."""
    raise AssertionError


def _check_csrf(request: HttpRequest) -> None:
    """Refuse what another site may have made a browser send."""

    check = CSRFCheck(_no_answer)
    check.process_request(request)
    reason = check.process_view(request, _no_answer, (), {})
    if reason:
        raise csrf_failed(reason)


def csrf_failed(reason: object) -> Problem:
    """The problem of a request with a session that another site may have made."""
    return Problem(
        403,
        "csrf_failed",
        "A request with a session needs the token of its cookie `csrftoken` as the "
        f"header X-CSRFToken ({reason}). Programs use an API key instead.",
    )
