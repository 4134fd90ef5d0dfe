"""On which terms a key is given out: how long it holds, how often and where it may be used."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wardian.errors import Forbidden, InvalidArguments
from wardian.policy.moments import in_utc
from wardian.tenants.rates import parse_rate
from wardian.tenants.scopes import Caller, Scope

DESCRIPTION_CHARS = 500
LIFE_MIN = timedelta(seconds=1)
LIFE_MAX = timedelta(days=36_500)
LISTED_MAX = 100

_PLUGIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTerms:
    """What a key may have beside a name and scopes.

    Attributes:
        expires_at, expires_in: when it ends, or after which time; one of them, or neither.
        rate: its own bound on requests, such as ``600/minute``.
        plugins: which it may have to do with; None is all.
        networks: from which it may be used, such as ``10.1.0.0/16``; None is all.
    """

    description: str = ""
    expires_at: datetime | None = None
    expires_in: timedelta | None = None
    rate: str | None = None
    plugins: Sequence[str] | None = None
    networks: Sequence[str] | None = None


def expiry_of(terms: KeyTerms, at: datetime, life_max: timedelta | None) -> datetime | None:
    """Return when a key ends that is given out now; the longest life, if there is one, unless told.

    Raises:
        InvalidArguments: it is told twice, has passed, or is later than the longest life allows.
    """
    if terms.expires_at is not None and terms.expires_in is not None:
        raise InvalidArguments(
            "Say when the key expires or in which time, not both.", path="expires_in"
        )
    longest = LIFE_MAX if life_max is None else life_max
    path = "expires_in" if terms.expires_at is None else "expires_at"
    life = terms.expires_in
    if terms.expires_at is not None:
        life = _aware(terms.expires_at) - at
    if life is None:
        return None if life_max is None else at + life_max
    if life < LIFE_MIN:
        raise InvalidArguments("A key cannot have expired when it is made.", path=path)
    if life > longest:
        raise InvalidArguments(
            f"A key of this host holds for at most {longest.days} days; see WARDIAN_KEY_DAYS_MAX.",
            path=path,
        )
    return at + life if terms.expires_at is None else _aware(terms.expires_at)


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise InvalidArguments("A moment needs its offset from UTC, such as Z.", path="expires_at")
    return in_utc(moment, "expires_at")


def checked_description(text: str) -> str:
    """Check what a key is described with.

    Raises:
        InvalidArguments: it is too long, or not printable.
    """
    if len(text) > DESCRIPTION_CHARS or not text.isprintable():
        raise InvalidArguments(
            f"A description has at most {DESCRIPTION_CHARS} printable characters.",
            path="description",
        )
    return text


def checked_rate(text: str | None, path: str = "rate") -> str | None:
    """Check a bound on requests; None is none of its own.

    Raises:
        InvalidArguments: it is no rate.
    """
    if text is not None:
        try:
            parse_rate(text)
        except InvalidArguments as error:
            raise InvalidArguments(error.message, path=path) from error
    return text


def checked_plugins(names: Sequence[str] | None, scopes: Collection[str]) -> tuple[str, ...] | None:
    """Check the plugins that a key may have to do with; None is all.

    Raises:
        InvalidArguments: a name is none, there are too many or none at all, or the key's scopes
            reach beyond plugins.
    """
    if names is None:
        return None
    if not 1 <= len(names) <= LISTED_MAX or not all(_PLUGIN.fullmatch(name) for name in names):
        raise InvalidArguments(
            f"Name 1 to {LISTED_MAX} plugins, or leave them out.", path="plugins"
        )
    beyond = sorted({Scope.ADMIN, Scope.WEBHOOKS} & set(scopes))
    if beyond:
        raise InvalidArguments(
            f"A key for some plugins cannot have the scope {beyond[0]!s}, which reaches beyond "
            "them.",
            path="plugins",
        )
    return tuple(sorted(set(names)))


def checked_networks(texts: Sequence[str] | None) -> tuple[str, ...] | None:
    """Check the networks that a key may be used from; None is all.

    Raises:
        InvalidArguments: one is none, or there are too many or none at all.
    """
    if texts is None:
        return None
    if not 1 <= len(texts) <= LISTED_MAX:
        raise InvalidArguments(
            f"Name 1 to {LISTED_MAX} networks, or leave them out.", path="networks"
        )
    return tuple(_network(text) for text in texts)


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise InvalidArguments(
            f"{text[:80]!r} is no network: write 10.1.0.0/16 or 2001:db8::/32.", path="networks"
        ) from error


def check_may_give(caller: Caller, scopes: Iterable[str], networks: Sequence[str] | None) -> None:
    """Check that nobody gives what it does not have.

    Raises:
        Forbidden: a scope that the caller does not hold, or networks that it may not come from.
    """
    more = sorted(scope for scope in set(scopes) if not caller.holds(scope))
    if more:
        raise Forbidden(
            f"The key {caller.key_name!r} cannot give what it lacks: {', '.join(more)}."
        )
    if caller.networks is None:
        return
    wanted = checked_networks(networks) or ()
    if not wanted or not all(_is_within(each, caller.networks) for each in wanted):
        raise Forbidden(
            f"The key {caller.key_name!r} may be used from {', '.join(caller.networks)}, and so "
            "may what it makes; name networks within these."
        )


def _is_within(text: str, networks: Iterable[str]) -> bool:
    inner = ipaddress.ip_network(text)
    outer = [ipaddress.ip_network(each) for each in networks]
    return any(
        inner.network_address in each and inner.prefixlen >= each.prefixlen for each in outer
    )
