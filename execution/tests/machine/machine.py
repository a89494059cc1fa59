"""The state machine: every rule of clients, processes, the chain and Redis."""

from __future__ import annotations

from .chain_rules import ChainRules
from .client_rules import ClientRules
from .hint_rules import HintRules
from .process_rules import ProcessRules


class Machine(ClientRules, ProcessRules, ChainRules, HintRules):
    """Draws one rule after another, in any order."""
