"""The gate for requests: every answer of the site says how the limit of its client stands."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from orders.answers import refused
from orders.problems import Problem

from .addresses import address_of_request
from .authentication import sent_key
from .gate import count_request
from .limits import Counted, count_as, counted_of

GetResponse = Callable[[HttpRequest], HttpResponse]

# Load balancers ask these, again and again, and from few addresses. The one asks nobody;
# the other asks once in a while and tells everybody the same (ordersite/health.py).
UNCOUNTED = frozenset({"/healthz", "/readyz"})


def limits_middleware(get_response: GetResponse) -> GetResponse:
    """Count a request before anything else is done for it."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path in UNCOUNTED:
            return get_response(request)
        try:
            count_as(request.META, _count(request))
        except Problem as refusal:
            return refused(request, refusal)
        response = get_response(request)
        decision = counted_of(request.META).decision
        if decision is not None:
            for name, value in decision.headers().items():
                response.headers.setdefault(name, value)
        return response

    return answer


def _count(request: HttpRequest) -> Counted:
    key = sent_key(request.META.get("HTTP_AUTHORIZATION", ""))
    return count_request(key, address_of_request(request.META))
