"""A tenant's policy: what it does about unsigned packages, and about lists that have expired."""

from __future__ import annotations

from wardian.errors import InvalidArguments
from wardian.plugins.judgement import Policy, Stale, Unsigned
from wardian.runtime.journal import Journal
from wardian.runtime.recall import Recall
from wardian.runtime.trust_views import TrustPolicyView, policy_view
from wardian.runtime.whole import wholly
from wardian.storage import Database
from wardian.storage.rows import TrustPolicyRow, now
from wardian.storage.trust import TrustRepository
from wardian.tenants.tenants import require_tenant


class TrustPolicies:
    """The policy of every tenant."""

    def __init__(self, database: Database, journal: Journal, recall: Recall) -> None:
        self._database = database
        self._journal = journal
        self._recall = recall

    async def show(self, *, tenant: str = "default") -> TrustPolicyView:
        """Return a tenant's policy."""
        async with self._database.reading() as connection:
            row = await TrustRepository(connection, tenant).policy()
        if row is None:
            default = Policy()
            return TrustPolicyView(unsigned=default.unsigned.value, stale=default.stale.value)
        return policy_view(row)

    @wholly
    async def set(
        self,
        *,
        unsigned: str | None = None,
        stale: str | None = None,
        tenant: str = "default",
        actor: str = "host",
    ) -> TrustPolicyView:
        """Change a tenant's policy; what is None stays as it is.

        Installed plugins that it refuses are quarantined.

        Raises:
            InvalidArguments: a word that is none.
            NotFound: there is no such tenant.
        """
        if unsigned is not None and unsigned not in set(Unsigned):
            raise _no_word("unsigned", unsigned, [*Unsigned])
        if stale is not None and stale not in set(Stale):
            raise _no_word("stale", stale, [*Stale])
        async with self._journal.change(tenant, actor) as change:
            await require_tenant(change.connection, tenant)
            repository = TrustRepository(change.connection, tenant)
            before = await repository.policy()
            default = Policy()
            row = TrustPolicyRow(
                unsigned=unsigned or (before.unsigned if before else default.unsigned.value),
                stale=stale or (before.stale if before else default.stale.value),
                updated_at=now(),
                updated_by=actor,
            )
            await repository.set_policy(row)
            detail = {"unsigned": row.unsigned, "stale": row.stale}
            await change.note_trust("policy-set", tenant, detail)
        return policy_view(row, await self._recall.sweep(tenant))


def _no_word(name: str, value: str, words: list[str]) -> InvalidArguments:
    return InvalidArguments(f"{name} is one of {', '.join(words)}, not {value[:80]!r}.", path=name)
