"""How a problem and a request id leave by HTTP: for DRF, for Django, for every answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework.response import Response

from dex import log_context

from .access.hidden import hide
from .errors import OrderDenied
from .problems import MEDIA_TYPE, Problem, as_problem, internal_error, not_found
from .request_ids import HEADER, request_id_of

logger = logging.getLogger(__name__)

# Also what was meant to be an address of the API: a program reads the answer.
_OF_API = re.compile(r"/+api(/|$)", re.IGNORECASE)

GetResponse = Callable[[HttpRequest], HttpResponse]


def request_id_middleware(get_response: GetResponse) -> GetResponse:
    """Name each request, so that an answer can be found in the log; keep a caller's name."""

    def answer(request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request.headers.get(HEADER, ""))
        request.META["REQUEST_ID"] = request_id
        log_context.answering(request_id)
        try:
            response = get_response(request)
        finally:
            log_context.answering("")
        if settings.DEBUG:
            response = _without_traceback(request, _without_keys(response))
        response[HEADER] = request_id
        return response

    return answer


def refused(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Answer a request that no view sees: below /api a problem, elsewhere its sentence."""
    response: Any
    if _OF_API.match(request.path):
        response = _problem_response(request, problem)
    else:
        response = HttpResponse(
            f"{problem.detail}\n",
            status=problem.status,
            content_type="text/plain; charset=utf-8",
            headers=problem.headers,
        )
    response.headers["Content-Length"] = str(len(response.content))
    response._has_been_logged = True  # else a flood would be one of log lines, too
    return cast(HttpResponse, response)


def _without_keys(response: HttpResponse) -> HttpResponse:
    """Blank keys and tickets in Django's pages for developers, which show the request."""
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    if response.status_code >= 400 and is_page:
        response.content = hide(response.content.decode()).encode()
    return response


def _without_traceback(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Put a problem in place of Django's pages for developers, which DEBUG shows.

    They hold settings and local variables. Below /api the log has the traceback.
    """
    problem = _OF_DEBUG_PAGES.get(response.status_code)
    is_page = response.headers.get("Content-Type", "").startswith("text/")
    if problem is None or not is_page or not _OF_API.match(request.path):
        return response
    return _problem_response(request, problem())


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. An unexpected error goes on to `handler500`."""
    problem = as_problem(error)
    if problem is None:
        return None
    request = context["request"]
    # A halt is an operator's wish: a line for each order would fill the log.
    if problem.status >= 500 and not isinstance(error, OrderDenied):
        logger.warning("%s %s: %r", request.method, request.path, error)
    response = Response(
        _body(problem, request),
        status=problem.status,
        content_type=MEDIA_TYPE,
        headers=problem.headers,
    )
    # Django would log the same again.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, bad_request(), defaults.bad_request, exception)


def bad_request(detail: str = "The request is malformed.") -> Problem:
    """The problem of a request that Django itself refuses."""
    return Problem(400, "bad_request", detail)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, not_found(), defaults.page_not_found, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    return _answer(request, internal_error(), defaults.server_error)


_OF_DEBUG_PAGES = {400: bad_request, 404: not_found, 500: internal_error}


def _answer(
    request: HttpRequest,
    problem: Problem,
    page: Callable[..., HttpResponse],
    *arguments: Exception,
) -> HttpResponse:
    """Below /api a problem, elsewhere Django's own page."""
    if not _OF_API.match(request.path):
        return page(request, *arguments)
    return _problem_response(request, problem)


def _problem_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    return JsonResponse(
        _body(problem, request),
        status=problem.status,
        content_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def _body(problem: Problem, request: HttpRequest) -> dict[str, Any]:
    request_id = cast(str, request.META.get("REQUEST_ID", ""))
    return problem.body(instance=request.path, request_id=request_id)
