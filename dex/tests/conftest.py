from __future__ import annotations

import pytest

from .builders import key
from .paper_market import OTHER_POOL, POOL
from .paper_venue import PaperChain, page


@pytest.fixture
def chain() -> PaperChain:
    made = PaperChain()
    made.accounts = {
        POOL: page(1, key("vault"), key("config")),
        key("vault"): page(0),
        key("config"): page(0, key("array")),
        key("array"): page(7),
        OTHER_POOL: page(2),
    }
    return made
