"""What all views of the API have in common."""

from __future__ import annotations

from typing import Any, NoReturn

from django.http import HttpRequest
from rest_framework.views import APIView

from .access.principal import Scope
from .problems import method_not_allowed


class ApiView(APIView):
    """Says what can be done at its address to who tries something else.

    Only who has `scope` is let in: see access/authentication.py.
    """

    scope = Scope.READ
    # Without OPTIONS, whose answer by the framework would tell of bodies that nothing here
    # takes.
    http_method_names = ["get", "head", "post"]  # noqa: RUF012 (as Django declares it)

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> NoReturn:
        methods = " or ".join(self.allowed_methods)
        raise method_not_allowed(methods)
