"""`manage.py dbshell` on a machine that has no psql: the embedded server brings one."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql import client

from ordersite.embedded.layout import EmbeddedError
from ordersite.embedded.postgres import Postgres


class DatabaseClient(client.DatabaseClient):
    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        (command, *arguments), environment = super().settings_to_cmd_args_env(
            settings_dict, parameters
        )
        if shutil.which(command) is None:
            with contextlib.suppress(EmbeddedError):  # Django says that psql is missing
                command = str(Postgres.binary(command))
        return [command, *arguments], environment
