"""``wardian:plugin/credentials``: use credentials without holding them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from wardian.capabilities.base import CallContext, Fresh, as_it_is
from wardian.capabilities.refusals import as_refusals
from wardian.storage import Database
from wardian.storage.rows import now
from wardian.vault import Held, Vault
from wardian.vault.expiry import check_time
from wardian.vault.revealing import note_revealed, revealed
from wardian.vault.signing import AwsCall, sign_aws, sign_claims, sign_text

_SENT = ("session_token",)
"""What goes with the headers that sign a request to AWS."""


class Credentials:
    """Needs ``credentials:use:NAME``, and ``credentials:reveal:NAME`` for `reveal`.

    What there is no permission for does not exist: that is judged before the vault is asked.
    """

    def __init__(
        self,
        vault: Vault,
        database: Database,
        clock: Callable[[], datetime] = now,
        fresh: Fresh = as_it_is,
    ) -> None:
        self._vault = vault
        self._database = database
        self._clock = clock
        self._fresh = fresh

    async def exists(self, call: CallContext, name: str) -> bool:
        """Tell whether a credential of this name exists for the plugin, expired ones too."""
        call.require(f"credentials:use:{name}")
        with as_refusals():
            return await self._vault.exists(call.facts.tenant, call.facts.plugin_id, name)

    async def sign(self, call: CallContext, name: str, operation: dict[str, Any]) -> dict[str, Any]:
        """Sign with the credential; the key never leaves the host."""
        call.require(f"credentials:use:{name}")
        what, asked = operation["tag"], operation["val"]
        with as_refusals():
            held = await self._held(call, name)
            if what == "aws-sigv4":
                headers = sign_aws(held, _aws_call(asked), self._clock())
                # It is of no use without the key, and the request of none without it.
                call.given_out += [held.secrets[each] for each in _SENT if each in held.secrets]
                return {"value": "", "headers": headers}
            sign = sign_text if what == "hmac-sha256" else sign_claims
            return {"value": sign(held, asked, self._clock()), "headers": []}

    async def reveal(self, call: CallContext, name: str) -> str:
        """Read the credential itself; that it was read is in the audit trail."""
        call.require(f"credentials:reveal:{name}")
        facts = call.facts
        with as_refusals():
            held = await self._held(call, name)
            check_time(held, self._clock())
            text, secrets = revealed(held)
            await note_revealed(
                self._database,
                held,
                plugin=facts.plugin,
                version=facts.version,
                call_id=facts.call_id,
            )
        call.given_out += secrets
        return text

    async def _held(self, call: CallContext, name: str) -> Held:
        held = await self._vault.find(call.facts.tenant, call.facts.plugin_id, name)
        return await self._fresh(held)


def _aws_call(asked: dict[str, Any]) -> AwsCall:
    return AwsCall(
        method=asked["method"],
        url=asked["url"],
        headers=[(name, value) for name, value in asked["headers"]],
        body_sha256=asked["body-sha256"],
        region=asked["region"],
        service=asked["service"],
    )
