"""What state something is in, in one word: another as soon as anybody changes it.

What the host counts and measures by itself, such as the calls of a plugin, is not a part of it:
nobody means to overwrite that.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from sqlalchemy import BindParameter, Executable, and_, bindparam, func, select

from wardian.crypto.digests import sha256_hex
from wardian.storage.database import Connection
from wardian.storage.statements import OF_ID, OF_NAME, OF_PLUGIN, mine
from wardian.storage.tables import (
    agent_budgets,
    agent_rules,
    agent_trials,
    agents,
    api_keys,
    credentials,
    endpoints,
    grants,
    plugins,
    publisher_keys,
    publishers,
    revocation_lists,
    schedules,
    trust_policies,
)

_CHARS = 22

_P, _G, _S = plugins.c, grants.c, schedules.c
_B, _Y, _L = publishers.c, publisher_keys.c, revocation_lists.c
_C, _E, _A, _T = credentials.c, endpoints.c, api_keys.c, trust_policies.c
_O, _R, _M, _N = agents.c, agent_rules.c, agent_budgets.c, agent_trials.c

OF_OWNER: BindParameter[str] = bindparam("of_owner")


class Kind(StrEnum):
    """What has a state that is somebody's to change."""

    PLUGIN = "plugin"
    SCHEDULE = "schedule"
    CREDENTIAL = "credential"
    ENDPOINT = "endpoint"
    PUBLISHER = "publisher"
    TRUST_POLICY = "trust-policy"
    KEYS = "keys"
    AGENT = "agent"
    AGENT_TRIAL = "agent-trial"
    AGENT_RULES = "agent-rules"
    AGENT_BUDGETS = "agent-budgets"


_PLUGIN_ID = select(_P.id).where(mine(plugins, _P.name == OF_PLUGIN)).scalar_subquery()
# A credential that is no plugin's own is the tenant's, and has an empty owner.
_OWNER = func.coalesce(
    select(_P.id).where(mine(plugins, _P.name == OF_OWNER)).scalar_subquery(), ""
)

_STATEMENTS: Mapping[Kind, tuple[Executable, ...]] = {
    Kind.PLUGIN: (
        select(
            _P.id,
            _P.package_digest,
            _P.installed_at,
            _P.state,
            _P.state_reason,
            _P.monitored,
            _P.recorded,
        ).where(mine(plugins, _P.name == OF_NAME)),
        select(_G.permission)
        .join(plugins, and_(_P.tenant == _G.tenant, _P.id == _G.plugin_id))
        .where(mine(grants, _P.name == OF_NAME))
        .order_by(_G.permission),
    ),
    Kind.SCHEDULE: (
        select(_S.plugin_id, _S.timing, _S.paused).where(
            mine(schedules, _S.name == OF_NAME, _S.plugin_id == _PLUGIN_ID)
        ),
    ),
    Kind.CREDENTIAL: (
        select(_C.id, _C.version, _C.updated_at).where(
            mine(credentials, _C.name == OF_NAME, _C.owner == _OWNER)
        ),
    ),
    Kind.ENDPOINT: (
        select(_E.id, _E.api_key_id, _E.paused, _E.reason, _E.updated_at).where(
            mine(endpoints, _E.id == OF_ID)
        ),
    ),
    Kind.PUBLISHER: (
        select(_B.name, _B.plugins, _B.created_at).where(mine(publishers, _B.name == OF_NAME)),
        select(_Y.key_id, _Y.state, _Y.changed_at)
        .where(mine(publisher_keys, _Y.publisher == OF_NAME))
        .order_by(_Y.key_id),
        select(_L.number, _L.received_at).where(mine(revocation_lists, _L.publisher == OF_NAME)),
    ),
    Kind.TRUST_POLICY: (select(_T.unsigned, _T.stale, _T.updated_at).where(mine(trust_policies)),),
    Kind.KEYS: (
        select(_A.id, _A.name, _A.scopes, _A.revoked_at).where(mine(api_keys)).order_by(_A.id),
    ),
    Kind.AGENT: (
        select(_P.id, _P.package_digest, _P.installed_at).where(mine(plugins, _P.name == OF_NAME)),
        select(_O.overrides, _O.paused, _O.changed_at)
        .join(plugins, and_(_P.tenant == _O.tenant, _P.id == _O.plugin_id))
        .where(mine(agents, _P.name == OF_NAME)),
    ),
    Kind.AGENT_TRIAL: (
        select(_N.id, _N.ended_at)
        .join(plugins, and_(_P.tenant == _N.tenant, _P.id == _N.plugin_id))
        .where(mine(agent_trials, _P.name == OF_NAME)),
    ),
    Kind.AGENT_RULES: (select(_R.rules, _R.changed_at).where(mine(agent_rules)),),
    Kind.AGENT_BUDGETS: (
        select(_M.capability, _M.period, _M.limit_nanos, _M.changed_at)
        .where(mine(agent_budgets))
        .order_by(_M.capability, _M.period),
    ),
}


async def revision(
    connection: Connection, tenant: str, kind: Kind, subject: Mapping[str, str]
) -> str:
    """Return the word for the state of a thing of a tenant's; one that is not there has one, too.

    In a transaction that writes, nobody else changes the thing before its end.

    Args:
        subject: the parameters of the kind's statements: ``of_name``, ``of_id`` and so on.
    """
    scoped = connection.of(tenant)
    found: list[list[list[object]]] = []
    for statement in _STATEMENTS[kind]:
        rows = await scoped.execute(statement, {"in_tenant": tenant, **subject})
        found.append([list(row) for row in rows])
    return sha256_hex(msgspec.msgpack.encode([kind, found]))[:_CHARS]
