from __future__ import annotations

from django.apps import AppConfig


class DexConfig(AppConfig):
    name = "dex"
    verbose_name = "Tokens and pools"
    default_auto_field = "django.db.models.BigAutoField"
