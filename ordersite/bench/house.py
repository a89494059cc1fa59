"""The processes that are measured, in a data folder of their own."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from ordersite.console import Console
from ordersite.exclusive import claim_web_port
from ordersite.isolation import FAR_LIMITS
from ordersite.processes import Supervisor
from ordersite.site import Site
from ordersite.variation import Variation, names

from .counted import noted
from .plan import Plan

READY_WITHIN_S = 60.0


def environment_of(plan: Plan) -> Mapping[str, str]:
    """Return the settings of a run, for the processes and for the run itself."""
    return {
        "WEB_PROCESSES": str(plan.web_processes),
        "ORDERS_IN_FLIGHT": str(plan.orders_in_flight),
        # What waits for its turn is to be measured, not to expire.
        "ORDER_TTL_S": "3600",
        **FAR_LIMITS,
    }


class BenchHouse:
    """PostgreSQL, Valkey, localnet, worker, keeper and web, as `make run` starts them."""

    def __init__(self, console: Console, plan: Plan) -> None:
        self._folder = settings.VAR_DIR / "claims"
        self._folder.mkdir(parents=True)
        self._supervisor = Supervisor(console)
        self._counting = {
            name: self._folder / name
            for name in (
                *names("worker", plan.workers),
                *names("keeper", plan.keepers),
            )
        }
        variation = Variation(
            localnet_options=(
                *("--slots-to-confirm", str(plan.slots_to_confirm)),
                *("--landing-delay", f"{plan.landing_delay_s:g}"),
                *("--seed", str(plan.seed)),
            ),
            workers=plan.workers,
            keepers=plan.keepers,
            launcher=lambda name: (
                ("-m", "ordersite.bench.counted", str(self._counting[name]))
                if name in self._counting
                else ()
            ),
        )
        self._listening = claim_web_port(settings.PORT)
        self._site = Site(console, self._supervisor, self._listening, variation)

    def start(self) -> None:
        """Start everything and wait until it is ready. Raises what Site does."""
        self._site.start()
        self._site.wait_until_ready(READY_WITHIN_S)

    def stop(self) -> None:
        self._supervisor.stop()
        self._listening.close()

    def claims(self) -> Mapping[str, int]:
        """Return how many orders each worker and keeper has claimed so far."""
        return {name: noted(file) for name, file in self._counting.items()}

    def died(self) -> list[str]:
        """Name the processes that have ended by themselves."""
        ended = {one.name for one in self._supervisor.services if not one.running()}
        return sorted(ended | set(self._supervisor.deaths))
