"""Looks again and again at the rights of those who have sockets open.

A socket is let in once and may stay for hours. Without this it would go on telling its
owner's orders to whoever holds a key that was revoked in the meantime.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Protocol

from orders.threads import in_thread

from .holders import Holder, read_rights
from .principal import Principal

logger = logging.getLogger(__name__)

# With the query itself, and with what a key is remembered for when a socket opens
# (keys.KEEP_S), a right that is lost counts within a second.
EVERY_S = 0.5


class Watched(Protocol):
    """A socket."""

    def rights_changed(self) -> None:
        """Called when what its Right allows is another than before."""


class Right:
    """What the sockets of one holder may do now: one object for all of them."""

    __slots__ = ("_sockets", "principal")

    def __init__(self, principal: Principal) -> None:
        self.principal: Principal | None = principal  # None: nothing any more
        self._sockets: set[Watched] = set()

    @property
    def is_used(self) -> bool:
        return bool(self._sockets)

    def enter(self, principal: Principal, socket: Watched) -> None:
        """Add a socket that has just proved to act for `principal`."""
        self._sockets.add(socket)
        # A ticket of the same holder, which came before, proved less.
        if self.principal is not None:
            scopes = self.principal.scopes | principal.scopes
            if scopes != self.principal.scopes:
                self.principal = replace(self.principal, scopes=scopes)

    def leave(self, socket: Watched) -> None:
        self._sockets.discard(socket)

    def change(self, principal: Principal | None) -> None:
        """Tell all sockets what counts from now on, if that is something else."""
        if principal != self.principal:
            self.principal = principal
            for socket in tuple(self._sockets):
                socket.rights_changed()


class Watch:
    """One query every EVERY_S for all holders with open sockets of this process.

    Without any, no task runs. While the database is away the sockets stay: nothing that
    they could tell or store gets past it either.
    """

    def __init__(self) -> None:
        self._rights: dict[Holder, Right] = {}
        self._unwatched: dict[Principal, Right] = {}
        self._looking: asyncio.Task[None] | None = None

    def enter(self, principal: Principal, socket: Watched) -> Right:
        """Have a socket told when its principal may do something else than now."""
        if principal.means == "anonymous":  # by the settings, which do not change
            return self._unwatched.setdefault(principal, Right(principal))
        holder = Holder.of(principal)
        right = self._rights.get(holder)
        if right is None:
            right = self._rights[holder] = Right(principal)
        right.enter(principal, socket)
        if not self.is_looking:
            self._looking = asyncio.create_task(self._look(), name="socket-rights")
        return right

    @property
    def is_looking(self) -> bool:
        """Whether somebody is looked at, or was within EVERY_S."""
        return self._looking is not None and not self._looking.done()

    async def _look(self) -> None:
        while self._rights:
            await asyncio.sleep(EVERY_S)
            for holder, right in tuple(self._rights.items()):
                if not right.is_used:
                    del self._rights[holder]
            if not self._rights:
                return
            asked = list(self._rights)
            try:
                found = await in_thread(read_rights, asked)
            except Exception as error:
                logger.warning("the rights of sockets were not looked at: %r", error)
                continue
            for holder in asked:
                self._rights[holder].change(found.get(holder))
                if holder not in found:
                    del self._rights[holder]
