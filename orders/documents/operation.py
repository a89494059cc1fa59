"""What every operation of the OpenAPI document says: who may ask, and the codes of its errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema

View = TypeVar("View", bound=Callable[..., Any])

# The codes of an operation's errors, beside those of ALWAYS: see documents/openapi.py.
PROBLEMS = "x-problems"


class Schemes(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document says who asks: a key, or a session in a browser."""

    target_class = "orders.access.authentication.Authentication"
    name = ["apiKey", "session"]  # noqa: RUF012 (as the package declares it)

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key, as `manage.py apikey create` makes one.",
            },
            {
                "type": "apiKey",
                "in": "cookie",
                "name": settings.SESSION_COOKIE_NAME,
                "description": "The session of a browser that is logged in at /admin/. "
                "What is not a GET then needs the header X-CSRFToken. On the page of this "
                "document leave this field empty: no page may set a cookie's header, and "
                "the browser sends the session by itself.",
            },
        ]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        return [{name: []} for name in self.name]


def operation(*codes: str, **options: Any) -> Callable[[View], View]:
    return extend_schema(extensions={PROBLEMS: [*codes]}, **options)
