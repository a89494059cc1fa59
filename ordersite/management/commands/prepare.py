"""Make an installation ready: database, wallet, chain, what may be traded."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from dex.errors import DexError
from dex.management.database import advice
from ordersite.preparation import prepare


class Command(BaseCommand):
    help = (
        "Migrate the database, meet the chain, and on localnet make and fund a wallet and "
        "allow its tokens and pools. Run it before the first start and after an update; "
        "repeating it changes nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            prepare(self.stdout.write)
        except DexError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(advice(error)) from error
        except OSError as error:
            raise CommandError(str(error)) from error
