"""Django's ASGI handler with the whole middleware chain in the request's one thread."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class OneThreadHandler(ASGIHandler):
    """Runs middleware and view as one sync call.

    Django's own handler goes back to the event loop between async and sync middleware.
    That costs several thread hops a request, and a request that is under way when the
    process is asked to stop then waits for a loop that has ended, and stops it from
    ending.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        answer: Any = sync_to_async(self.get_response, thread_sensitive=True)
        response: HttpResponseBase = await answer(request)
        return response
