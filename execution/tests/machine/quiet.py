"""After the last fault: everything must come to its end, and the end must be right."""

from __future__ import annotations

from uuid import UUID

from orders.models import TERMINAL

from .promises import hold
from .world import World

ROUNDS = 80
# After so many rounds without an end whatever was signed is left to expire.
EXPIRES_AFTER = 8
CALLS_A_ROUND = 400

REVIEWED = "needs_review_at = NULL, idle_claims = 0"


def calm_down(world: World) -> None:
    """Lift every fault; let who was frozen wake up."""
    world.chain.network.faults.clear()
    world.chain.lies.kind = ""
    world.door.fate = "lands"
    world.layer.is_away = False
    for process in world.processes:
        process.gate.is_frozen = False
    world.web.gate.is_frozen = False


def come_to_an_end(world: World) -> None:
    """Carry every order to its end, and hold that all of it is as promised."""
    calm_down(world)
    for number in range(ROUNDS):
        if not _open_orders(world):
            break
        _clear_reviews(world)
        world.processes[number % len(world.processes)].make_round()
        _finish_all(world)
        world.move_chain(200 if number % EXPIRES_AFTER == EXPIRES_AFTER - 1 else 2)
        world.pass_time(4)
        world.check()
    hold("every_order_ends", not _open_orders(world), _open_orders(world))
    _tell_clients(world)
    world.check()
    for client in world.web.clients:
        client.check_whole()


def _open_orders(world: World) -> list[UUID]:
    orders = world.records.orders().values()
    return [order.id for order in orders if order.status not in TERMINAL]


def _clear_reviews(world: World) -> None:
    """Do what an operator does with what was claimed too often."""
    for order in world.records.orders().values():
        if order.in_review:
            world.records.shift(order.id, REVIEWED)


def _finish_all(world: World) -> None:
    for _ in range(CALLS_A_ROUND):
        calls = world.open_calls()
        if not calls:
            return
        process, call = calls[0]
        process.finish(call)


def _tell_clients(world: World) -> None:
    for _ in range(2):
        world.loop.pass_time(3)
        world.read_all()
