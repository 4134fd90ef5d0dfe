"""What the vault has to say of requests: what they may not carry, and what may not come back."""

from __future__ import annotations

from helds import ORIGIN, held
from wardian.capabilities.guards import RequestLeaks
from wardian.policy.leaks import Leaks
from wardian.vault import Kind
from wardian.vault.injection import injection_of


def test_what_a_credential_was_made_into_goes_nowhere_else_either() -> None:
    client = held(Kind.OAUTH2_CLIENT, ORIGIN)
    secrets = injection_of(client).secrets
    header = secrets[-1].reveal()
    known = Leaks(client.secrets.values())
    assert not RequestLeaks(known, []).found(header)

    leaks = RequestLeaks(known, [], secrets)

    assert leaks.found(f"https://elsewhere.example/?said={header}")
    assert header not in leaks.redacted(header)
