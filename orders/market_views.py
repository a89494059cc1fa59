"""REST for the market: quotes, and the tokens and venues that orders may use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from dex import desk
from dex.errors import NoRoute
from dex.models import Pool, Token, VenueName
from dex.router import load_venues
from dex.types import VenueAnswer

from .api_view import ApiView
from .documents import market_operations
from .inputs import read_quote_request
from .market_serializers import TokenSerializer, VenueSerializer
from .parsers import read_object
from .quotes import answer_data


class QuoteView(ApiView):
    @market_operations.ask_quotes
    def post(self, request: Request) -> Response:
        wanted = read_quote_request(read_object(request._request))
        best: VenueAnswer | None = None
        answers: tuple[VenueAnswer, ...]
        try:
            route = desk.ask(
                wanted.token_in,
                wanted.token_out,
                wanted.amount_in,
                settings.QUOTE_TIMEOUT_S,
                wanted.max_price_impact_bps,
            )
        except NoRoute as refusal:
            answers = refusal.answers
        else:
            best, answers = route.answers[0], route.answers
        pair = (wanted.token_in, wanted.token_out)
        return Response(
            {
                "route": answer_data(best, *pair) if best else None,
                "quotes": [answer_data(answer, *pair) for answer in answers],
            }
        )


class TokenListView(ApiView):
    @market_operations.list_tokens
    def get(self, request: Request) -> Response:
        tokens = Token.objects.filter(enabled=True)
        return Response({"tokens": TokenSerializer(tokens, many=True).data})


class VenueListView(ApiView):
    @market_operations.list_venues
    def get(self, request: Request) -> Response:
        venues = VenueSerializer(list(_venues()), many=True)
        return Response({"venues": venues.data})


def _venues() -> Iterator[dict[str, Any]]:
    """List the venues of the settings, each with the pools that orders may use."""
    pools = list(
        Pool.objects.filter(
            enabled=True, token_a__enabled=True, token_b__enabled=True
        ).select_related("token_a", "token_b")
    )
    for name, venue in load_venues().items():
        yield {
            "name": name,
            "label": VenueName(name).label,
            "program": str(venue.program_id),
            "pools": [pool for pool in pools if pool.venue == name],
        }
