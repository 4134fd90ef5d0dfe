"""What the vault has to say of requests: the credential that goes in, and those that may not."""

from __future__ import annotations

from typing import AnyStr

from wardian.capabilities.base import CallContext, Fresh, as_it_is
from wardian.capabilities.http import Guard
from wardian.capabilities.refusals import as_refusals
from wardian.policy.leaks import Leaks
from wardian.policy.secret import Secret
from wardian.vault import Vault
from wardian.vault.injection import injection_of
from wardian.vault.watch import Watch


class CredentialGuards:
    """Finds the credential that a request names, and what to look for on its way."""

    def __init__(self, vault: Vault, watch: Watch, fresh: Fresh = as_it_is) -> None:
        self._vault = vault
        self._watch = watch
        self._fresh = fresh

    async def __call__(self, call: CallContext, credential: str | None) -> Guard:
        """Return what guards a request of a call.

        Raises:
            Refused: there is no such credential for the plugin, or it cannot go into a request.
        """
        facts = call.facts
        with as_refusals():
            if credential is None:
                known = await self._watch.leaks(facts.tenant)
                return Guard(None, RequestLeaks(known, call.given_out))
            held = await self._vault.find(facts.tenant, facts.plugin_id, credential)
            held = await self._fresh(held)
            injection = injection_of(held)
            # After it was found: what finding it has changed, such as a token, is looked for too.
            known = await self._watch.leaks(facts.tenant)
            return Guard(injection, RequestLeaks(known, call.given_out, injection.secrets))


class RequestLeaks:
    """Looks for a tenant's credentials, and for what one of them was made into."""

    def __init__(
        self, known: Leaks, given_out: list[Secret], injected: tuple[Secret, ...] = ()
    ) -> None:
        """``given_out`` may be sent, and come back: the call was given it to use."""
        self._known = known
        self._given_out = given_out
        # Most have the secret itself in them, which is known.
        made = [each for each in injected if not known.found(each.reveal())]
        self._injected = Leaks(made) if made else None

    def found(self, text: str | bytes) -> bool:
        """Tell whether there is a credential in a request before one is put in."""
        return self._known.found(text, self._given_out)

    def redacted(self, text: AnyStr) -> AnyStr:
        """Return a part of a response without credentials."""
        if self._injected is not None:
            text = self._injected.redacted(text, self._given_out)
        return self._known.redacted(text, self._given_out)
