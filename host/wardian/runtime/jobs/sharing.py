"""How the places of a host are shared by the tenants whose jobs wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from wardian.runtime.jobs.orders import JobPolicy


class Turns:
    """Whose turn it is: the tenant's that has the fewest running; of equal ones, that was served
    longest ago."""

    def __init__(self, policy: JobPolicy) -> None:
        self._policy = policy
        self._count = 0
        self._served: dict[str, int] = {}

    def shares(
        self, waiting: Sequence[tuple[str, int]], running: Mapping[str, int]
    ) -> dict[str, int]:
        """Return how many jobs are to be begun now, by tenant.

        Args:
            waiting: the tenants, and how many of each wait; who waits for the longest is first.
            running: how many of each run here.
        """
        left = dict(waiting)
        self._served = {tenant: self._served.get(tenant, 0) for tenant in left}
        now, given = Counter(running), Counter[str]()
        for _ in range(self._policy.at_once - now.total()):
            able = [each for each in left if self._may_have_more(each, left, now)]
            if not able:
                break
            tenant = min(able, key=lambda each: (now[each], self._served[each]))
            self._count += 1
            self._served[tenant] = self._count
            left[tenant] -= 1
            now[tenant] += 1
            given[tenant] += 1
        return dict(given)

    def _may_have_more(self, tenant: str, left: Mapping[str, int], now: Mapping[str, int]) -> bool:
        return left[tenant] > 0 and now[tenant] < self._policy.tenant_at_once
