"""Is this process alive, and is everything that it needs there.

`/healthz` answers as long as the process does. `/readyz` asks each thing by name, all at
once and once a second at most, and answers 503 when orders cannot go on without one that fails or takes too long.
What they can do without is named with `ok: false`, and the site is `degraded`: Redis, the
audit, and all RPC endpoints but one, unless one of them serves another chain. Their
figures are those of this web process; the engine's own connections may fare otherwise.
A halt makes it degraded, too: nothing here is ill, and reading and cancelling go on.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from dex import desk
from dex.chain import known_chain
from dex.errors import DexError
from dex.models import AuditRun, Chain
from execution.audit.findings import TABLES, WALLET
from orders.models import STILL_OPEN, Order

from .lately import Lately

logger = logging.getLogger(__name__)

READY, DEGRADED, NOT_READY = "ready", "degraded", "not_ready"
TIMEOUT_S = 3.0
HALTED = "halted: Trading halts in the admin and `manage.py trading status` say why"
FRESH_S = 1.0  # whoever asks again within this is told the same
# A dead keeper shows when several of its rounds are missing. The wallet's part runs every
# minute, and waits while no endpoint answers.
AUDIT_STALE_S = {TABLES: 60, WALLET: 180}
# Checks that stop no order when they fail. A load balancer must not turn them into an outage.
NOT_NEEDED = ("redis", "audit")


@dataclass(frozen=True)
class Result:
    """What one check found; `detail` says it to people.

    Orders go on without what is not `needed`. `figures` are shown beside them.
    """

    ok: bool
    detail: str
    needed: bool = True
    figures: Mapping[str, object] = field(default_factory=dict)


@csrf_exempt  # else a POST is refused for its cookie instead of its method
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@csrf_exempt  # else a POST is refused for its cookie instead of its method
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    results = RESULTS.found()
    status = _status(results.values())
    return JsonResponse(
        {
            "status": status,
            "checks": {
                name: {"ok": result.ok, "detail": result.detail, **result.figures}
                for name, result in results.items()
            },
        },
        status=503 if status == NOT_READY else 200,
        headers={"Cache-Control": "no-store"},
    )


def _status(results: Collection[Result]) -> str:
    if all(result.ok for result in results):
        return READY
    missing = any(result.needed for result in results if not result.ok)
    return NOT_READY if missing else DEGRADED


def run_checks(
    checks: dict[str, Callable[[], dict[str, Result]]], timeout_s: float
) -> dict[str, Result]:
    """Run all checks at once; one that is not done after `timeout_s` has failed.

    A check that hangs keeps its thread until its own time-outs end it.
    """
    answers: queue.SimpleQueue[tuple[str, dict[str, Result]]] = queue.SimpleQueue()
    for name, check in checks.items():
        threading.Thread(
            target=lambda name=name, check=check: answers.put(
                (name, _run(name, check))
            ),
            name=f"readyz-{name}",
            daemon=True,
        ).start()
    give_up_at = time.monotonic() + timeout_s
    found: dict[str, dict[str, Result]] = {}
    while len(found) < len(checks):
        try:
            name, results = answers.get(timeout=max(0, give_up_at - time.monotonic()))
        except queue.Empty:
            break
        found[name] = results
    merged: dict[str, Result] = {}
    for name in checks:
        late = _failed(name, f"no answer within {timeout_s:g} s")
        merged |= found.get(name, late)
    return merged


def _failed(name: str, detail: str) -> dict[str, Result]:
    return {name: Result(False, detail, needed=name not in NOT_NEEDED)}


def _run(name: str, check: Callable[[], dict[str, Result]]) -> dict[str, Result]:
    try:
        return check()
    except (DatabaseError, redis.RedisError, DexError, TimeoutError) as error:
        return _failed(name, " ".join(str(error).split()))
    except Exception:
        logger.exception("the check of %s failed", name)
        return _failed(name, "the check itself failed: see the log")
    finally:
        connection.close()  # of this thread


def check_database() -> dict[str, Result]:
    """What is committed must be on disk: an order is answered 201 only after that."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting FROM pg_settings"
            " WHERE name IN ('fsync', 'synchronous_commit')"
        )
        off = sorted(name for name, setting in cursor.fetchall() if setting == "off")
    if off:
        detail = f"{' and '.join(off)} must be on: committed orders could be lost"
        return {"database": Result(False, detail)}
    return {"database": Result(True, "answers, and commits are flushed to disk")}


def check_redis() -> dict[str, Result]:
    """Without its hints keepers take the orders, some seconds later."""
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2
    ) as client:
        client.ping()
    return {"redis": Result(True, "answers")}


def check_rpc() -> dict[str, Result]:
    """Ask every endpoint. One that is away is needed only while no other one is well.

    One that serves another chain keeps everything from trading, whatever the others say.
    """
    endpoints = desk.health()
    any_is_well = any(health["ok"] for health in endpoints.values())
    return {
        f"rpc {name}": Result(
            health["ok"],
            health["error"] or f"slot {health['slot']}",
            needed=health["isWrongChain"] or not any_is_well,
            figures={
                "circuit": health["circuit"],
                "score": health["score"],
                "latencyMs": health["latencyMs"],
                "slot": health["slot"],
                "behind": health["behind"],
            },
        )
        for name, health in endpoints.items()
    }


def check_chain() -> dict[str, Result]:
    """Say which chain this is and, once it was met, whether trading is halted on it."""
    chain = known_chain()
    if chain is None:
        return {"chain": Result(False, "not met yet: run `manage.py prepare`")}
    met = Result(True, "localnet" if chain.is_localnet else "a real chain")
    return {"chain": met, "trading": _trading(chain)}


def _trading(chain: Chain) -> Result:
    if chain.halted_at is None:
        return Result(True, "allowed", needed=False)
    # Not the reason, which may name orders: everybody may ask.
    return Result(False, HALTED, needed=False)


def check_review() -> dict[str, Result]:
    """Say how many orders wait for an operator. They take nothing from the others."""
    count = Order.objects.filter(STILL_OPEN, needs_review_at__isnull=False).count()
    return {"orders in review": Result(True, str(count))}


def check_audit() -> dict[str, Result]:
    """Say when the keeper last audited, and what it found. Orders go on without it."""
    runs = {run.part: run for run in AuditRun.objects.annotate(age=Now() - F("ran_at"))}
    said, ok = [], True
    for part in (TABLES, WALLET):
        run = runs.get(part)
        if run is None:
            said.append(f"{part}: not yet")
            continue
        age_s = max(run.age.total_seconds(), 0)
        said.append(f"{part}: {run.violations} violations {age_s:.0f} s ago")
        ok = ok and not run.violations
        if age_s >= AUDIT_STALE_S[part]:
            ok = False
            said[-1] += " (is a keeper running?)"
    return {"audit": Result(ok, "; ".join(said), needed=False)}


CHECKS: dict[str, Callable[[], dict[str, Result]]] = {
    "database": check_database,
    "redis": check_redis,
    "rpc": check_rpc,
    "chain": check_chain,
    "orders in review": check_review,
    "audit": check_audit,
}

RESULTS = Lately(lambda: run_checks(CHECKS, TIMEOUT_S), FRESH_S, TIMEOUT_S)
