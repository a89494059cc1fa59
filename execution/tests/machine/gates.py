"""The edge of a process: where its calls to the outside wait for the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.db import OperationalError

from execution.storage import Database
from orders.models import OrderEvent
from orders.moves import Move

from .promises import Violation

P = ParamSpec("P")
T = TypeVar("T")


class Lost(Exception):
    """The machine lets a call fail; the edge says it in the words of its kind."""


@dataclass(eq=False, slots=True)
class Call:
    """One call that waits: to be carried out, or for its answer to arrive.

    `name` is that of the function or of the JSON-RPC method. `node` is the number of the
    node that it goes to, None for the database.
    """

    name: str
    node: int | None
    carry_out: Callable[[], Any]
    answer: asyncio.Future[Any]
    arguments: tuple[Any, ...] = ()
    outcome: Callable[[], Any] | None = None  # known, and not told yet
    has_failed: bool = False

    def __str__(self) -> str:
        where = "" if self.node is None else f" at node {self.node}"
        again = "" if self.outcome is None else " (its answer)"
        return f"{self.name}{where}{again}"

    @property
    def moves(self) -> list[Move]:
        """The steps of orders that it makes."""
        match self.name:
            case "transition":
                return [self.arguments[0]]
            case "transition_all":
                return list(self.arguments[0])
        return []

    @property
    def counted(self) -> list[Move]:
        """Those of its steps that were made."""
        if self.outcome is None or self.has_failed:
            return []
        results = self.outcome() if self.name == "transition_all" else [self.outcome()]
        made = zip(self.moves, results, strict=True) if self.moves else ()
        return [move for move, result in made if isinstance(result, OrderEvent)]

    def perform(self) -> None:
        """Let it take effect. Its caller does not know of that yet."""
        if self.outcome is not None:
            return
        try:
            result = self.carry_out()
        except Violation:
            raise
        except Exception as error:
            self.outcome = partial(_raise, error)
            self.has_failed = True
        else:
            self.outcome = lambda: result

    def tell(self) -> None:
        """Let the answer arrive."""
        assert self.outcome is not None
        if self.answer.done():
            return  # its caller gave up
        try:
            self.answer.set_result(self.outcome())
        except Exception as error:
            self.answer.set_exception(error)

    def lose(self) -> None:
        """Let its caller learn only that no answer came."""
        if not self.answer.done():
            self.answer.set_exception(Lost("the connection broke"))


def _raise(error: Exception) -> Any:
    raise error


@dataclass(eq=False, slots=True)
class Gate:
    """All calls of one process to the outside. A dead process's calls go nowhere."""

    waiting: list[Call] = field(default_factory=list)
    is_frozen: bool = False
    is_dead: bool = False

    async def call(
        self,
        name: str,
        carry_out: Callable[[], T],
        *,
        node: int | None = None,
        arguments: tuple[Any, ...] = (),
    ) -> T:
        """Wait until the machine has carried this out, and return what came of it."""
        answer = asyncio.get_running_loop().create_future()
        self.waiting.append(Call(name, node, carry_out, answer, arguments))
        result: T = await answer
        return result

    @property
    def open_calls(self) -> list[Call]:
        """What the machine may go on with now."""
        return [] if self.is_frozen or self.is_dead else self.waiting

    def end(self) -> None:
        """Let the process die here: what it asked for and was not done never is."""
        self.is_dead = True


class GatedDatabase(Database):
    """Database calls that wait at a gate, and run in the machine's own thread."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        work = partial(call, *args, **kwargs)
        try:
            return await self._gate.call(_name(call), work, arguments=args)
        except Lost as lost:
            raise OperationalError(str(lost)) from lost

    async def close(self) -> None:
        """There is nothing to close: the connection is the machine's."""


def _name(call: Callable[..., Any]) -> str:
    while isinstance(call, partial):
        call = call.func
    return call.__name__
