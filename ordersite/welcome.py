"""What `manage.py up` tells a user once the site is ready."""

from __future__ import annotations

from django.conf import settings

from .asking import allowed_host
from .development import development_key
from .preparation import DEVELOPMENT_USER, password_file


def welcome() -> str:
    """Return what a user can do now, ready to paste."""
    site = f"http://{allowed_host()}:{settings.PORT}"
    login = "(make one with `manage.py createsuperuser`)"
    if settings.USES_EMBEDDED_POSTGRES:
        login = f"({DEVELOPMENT_USER} / {password_file().read_text().strip()})"
    credentials = ""
    if key := development_key():
        credentials = f" -H 'Authorization: Bearer {key}'"
    elif not settings.ALLOW_ANONYMOUS:
        login += (
            "\n  API key    make one with `manage.py apikey create`, and set KEY to it"
        )
        credentials = ' -H "Authorization: Bearer $KEY"'
    order = (
        '{"type":"market","tokenIn":"A","tokenOut":"B","amountIn":100,"slippage":0.01}'
    )
    return f"""
Ready. Ctrl-C stops everything; logs are in {settings.EMBEDDED.logs}

  Test page  {site}/test-concurrent-orders
  Admin      {site}/admin/ {login}
  API docs   {site}/api/docs/

  curl -s -X POST {site}/api/orders/execute{credentials} \\
    -H 'Content-Type: application/json' -d '{order}'
"""
