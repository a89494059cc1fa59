"""The OpenAPI document, which a process builds once for each format that is asked for.

To build it takes a tenth of a second, and anybody may ask. Its generator also cannot be
used by two threads at the same time before it has loaded all its parts.
"""

from __future__ import annotations

import threading
from typing import Any

from django.http import HttpResponse
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

_building = threading.Lock()
_built: dict[str, tuple[bytes, str]] = {}  # by media type: the text, and a file's name


class ApiDocumentView(SpectacularAPIView):
    """Serves the document as YAML or JSON, as the client accepts."""

    def _get_schema_response(self, request: Request) -> HttpResponse:
        renderer: Any = request.accepted_renderer
        kind = renderer.media_type
        with _building:
            if kind not in _built:
                answer = self._build(request)
                text = renderer.render(answer.data, kind, {})
                _built[kind] = text, answer.headers["Content-Disposition"]
        text, disposition = _built[kind]
        return HttpResponse(
            text, content_type=kind, headers={"Content-Disposition": disposition}
        )

    def _build(self, request: Request) -> Any:
        return super()._get_schema_response(request)  # type: ignore[no-untyped-call]
