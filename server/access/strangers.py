"""How often who shows no valid key may be answered at length. Beyond that the answer is short, and nothing is built."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from server.access.networks import counted
from server.sessions.allowance import Allowance

ADDRESS_PER_S, ADDRESS_AT_ONCE = 2.0, 20
ALL_PER_S, ALL_AT_ONCE = 20.0, 100
MOST_ADDRESSES = 4096
"""Addresses that are remembered; the one that was refused longest ago is forgotten first."""


@dataclass(slots=True)
class Strangers:
    """Counts refusals for want of a key, by address and of all addresses together."""

    clock: Callable[[], float] = time.monotonic
    _of: OrderedDict[str, Allowance] = field(default_factory=OrderedDict)
    _all: Allowance = field(default_factory=lambda: Allowance(ALL_PER_S, ALL_AT_ONCE))

    def refused(self, address: str) -> float:
        """Notes a refusal. Returns 0 where there is time to explain it, else the seconds until there is."""
        address = counted(address)
        allowance = self._of.pop(address, None) or Allowance(ADDRESS_PER_S, ADDRESS_AT_ONCE)
        self._of[address] = allowance
        if len(self._of) > MOST_ADDRESSES:
            self._of.popitem(last=False)
        now = self.clock()
        return allowance.take(now) or self._all.take(now)

    def wait_s(self, address: str) -> float:
        """Seconds until another refusal of that address would be explained; 0 for now."""
        own = self._of.get(counted(address))
        return own.wait_s(self.clock()) if own is not None else 0.0

    def crowded(self, address: str) -> bool:
        """Whether a request from there should show a key before anything is built for it."""
        return self._all.wait_s(self.clock()) > 0 or self.wait_s(address) > 0
