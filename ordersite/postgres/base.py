"""The database backend of this project: ENGINE "ordersite.postgres".

A frozen PostgreSQL keeps its connections open and says nothing, and none of the limits
that PostgreSQL itself keeps (`statement_timeout`) is of use then. TCP notices a host that
vanished, but not a process that stands still, and a Unix socket notices nothing. So the
client looks at the clock: a statement or a COMMIT that is not answered within
DATABASE_TIMEOUT_S closes its connection and raises OperationalError.

A thread that keeps its connection (CONN_MAX_AGE, CONN_HEALTH_CHECKS) has it checked before
each use. Django asks the server each time, which costs a short request a tenth of its
time; here a connection that was answered a moment ago is only looked at.
"""

from __future__ import annotations

import select
import time
from types import SimpleNamespace
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from psycopg.abc import PQGen

from .arrays import QuotingListDumper
from .client import DatabaseClient

RV = TypeVar("RV")

SILENT_CONNECT_S = 4.0  # a connect that failed after so long: nobody refused it
PAUSE_S = 2.0  # after it fell silent, before it is asked again
# The clock is looked at every tenth of a second. So much later it was not the database that
# stood still, but this process: a stop signal, a suspended machine.
OVERSLEPT_S = 1.0
# What may lie between us and the server forgets a connection without a word, but not one
# that was used so short a time ago.
FRESH_S = 5.0


class Silence:
    """Whether the database of this process has stopped to answer on any connection.

    Each request would wait the whole time by itself, and those in line behind it for
    each of them. So after one that waited in vain, all others are refused at once for a
    moment.
    """

    def __init__(self) -> None:
        self._answered_at = 0.0
        self._refused_until = 0.0

    def refuse(self) -> None:
        """Raise psycopg.OperationalError while the database counts as silent."""
        if time.monotonic() < self._refused_until:
            raise psycopg.OperationalError("PostgreSQL did not answer a moment ago.")

    def answered(self) -> float:
        """Note that a connection was answered; return when."""
        self._answered_at = time.monotonic()
        self._refused_until = 0.0
        return self._answered_at

    def waited_in_vain(self, since: float) -> None:
        """Count the database as silent, unless another connection was answered since."""
        if self._answered_at < since:
            self._refused_until = time.monotonic() + PAUSE_S


silence = Silence()


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that waits for no answer longer than DATABASE_TIMEOUT_S."""

    answered_at = 0.0

    def wait(
        self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None
    ) -> RV:
        if timeout is not None:  # the caller's own, such as that of notifies()
            return super().wait(gen, interval, timeout)
        began = time.monotonic()
        try:
            silence.refuse()
        except psycopg.OperationalError:
            self.pgconn.finish()
            raise
        try:
            answer = super().wait(gen, interval, settings.DATABASE_TIMEOUT_S)
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()
            raise _given_up(began) from None
        self.answered_at = silence.answered()
        return answer

    def is_fresh(self) -> bool:
        """Say whether it was answered a moment ago and the server said nothing since.

        A server that ends tells its connections so, or at least closes them.
        """
        if self.closed or time.monotonic() - self.answered_at > FRESH_S:
            return False
        waiting = select.poll()
        waiting.register(self.fileno(), select.POLLIN)
        return not waiting.poll(0)


def _given_up(began: float) -> psycopg.OperationalError:
    """Return the error of a wait that was too long, and count the database as silent.

    Unless it was this process that stood still: then nobody knows.
    """
    limit_s, waited_s = settings.DATABASE_TIMEOUT_S, time.monotonic() - began
    if waited_s > limit_s + OVERSLEPT_S:
        return psycopg.OperationalError(
            f"This process stood still within {waited_s:.0f} s of waiting for "
            "PostgreSQL, and gives the connection up."
        )
    silence.waited_in_vain(began)
    return psycopg.OperationalError(f"PostgreSQL did not answer for {limit_s:g} s.")


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient
    # What Django connects with.
    Database: Any = SimpleNamespace(
        **{**vars(psycopg), "connect": BoundedConnection.connect}
    )

    def is_usable(self) -> bool:
        connection = self.connection
        if isinstance(connection, BoundedConnection) and connection.is_fresh():
            return True
        return bool(super().is_usable())

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        silence.refuse()
        began = time.monotonic()
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            # A server that is away refuses at once; only silence takes this long.
            if time.monotonic() - began >= SILENT_CONNECT_S:
                silence.waited_in_vain(began)
            raise
        connection.adapters.register_dumper(list, QuotingListDumper)
        return connection
