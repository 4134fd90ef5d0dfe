"""Claims of JSON Web Tokens: what a plugin may say, and what the operator says for it.

A token is worth what is in it. So the operator may fix who it is from, whom it is about and whom it
is for (``issuer``, ``subject``, ``audience`` of the credential), and no token outlives
``longest_seconds``. What is not fixed is the plugin's to choose.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from wardian.errors import InvalidArguments, PermissionDenied

CLAIMS_BYTES_MAX = 16 * 1024

LONGEST_SECONDS = 3600
"""How long a token holds at most, unless the operator says otherwise."""

LONGEST_SECONDS_MAX = 366 * 24 * 3600

CLOCK_SECONDS = 300
"""So far from now a plugin may say that a token was made: clocks differ."""

_FIXED = (("iss", "issuer"), ("sub", "subject"))
_TIMES = ("exp", "iat", "nbf")


def parse_claims(text: str) -> dict[str, Any]:
    """Read claims, without anything that two readers could take for two different things.

    Raises:
        InvalidArguments: not the JSON text of an object, too long, or with a claim of a wrong type.
    """
    if len(text) > CLAIMS_BYTES_MAX or len(text.encode(errors="replace")) > CLAIMS_BYTES_MAX:
        raise InvalidArguments(f"Claims have at most {CLAIMS_BYTES_MAX} bytes.")
    try:
        claims = json.loads(
            text,
            object_pairs_hook=_once_each,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
        json.dumps(claims, ensure_ascii=False).encode()
    except RecursionError:
        raise InvalidArguments("The claims nest too deep.") from None
    except ValueError as exc:
        raise InvalidArguments(f"The claims are no JSON: {str(exc)[:200]}.") from None
    if not isinstance(claims, dict):
        raise InvalidArguments("Claims are the JSON text of an object.")
    _check_types(claims)
    return claims


def fixed_claims(
    claims: Mapping[str, Any], public: Mapping[str, Any], at: datetime
) -> dict[str, Any]:
    """Return the claims of the token that is made: with what the operator fixed, and its times.

    Args:
        public: of the credential.

    Raises:
        InvalidArguments: its times make no sense.
        PermissionDenied: it says something else than the operator fixed, or holds for too long.
    """
    made = dict(claims)
    for claim, fact in _FIXED:
        if fact in public and made.setdefault(claim, public[fact]) != public[fact]:
            raise _denied(claim, fact)
    if "audience" in public:
        made["aud"] = _audience(made.get("aud"), list(public["audience"]))
    return made | _times(made, longest_seconds(public), int(at.timestamp()))


def longest_seconds(public: Mapping[str, Any]) -> int:
    """Return how long tokens of a credential hold at most."""
    return int(public.get("longest_seconds", LONGEST_SECONDS))


def check_longest_seconds(text: str) -> None:
    """Check the field of this name.

    Raises:
        InvalidArguments: with the end of a sentence.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 8):
        raise InvalidArguments("takes a number of seconds")
    if not 1 <= int(text) <= LONGEST_SECONDS_MAX:
        raise InvalidArguments(f"takes 1 to {LONGEST_SECONDS_MAX} seconds")


def _audience(given: Any, fixed: list[str]) -> Any:
    if given is None:
        return fixed[0] if len(fixed) == 1 else fixed
    wanted = [given] if isinstance(given, str) else given
    if not wanted or not set(wanted) <= set(fixed):
        raise _denied("aud", "audience")
    return given


def _times(claims: Mapping[str, Any], longest: int, now: int) -> dict[str, Any]:
    issued = claims.get("iat", now)
    ends = claims.get("exp", now + longest)
    if abs(issued - now) > CLOCK_SECONDS:
        raise InvalidArguments(f"The claim iat is more than {CLOCK_SECONDS} seconds from now.")
    if ends <= now or claims.get("nbf", now) >= ends:
        raise InvalidArguments("The token would never hold: exp is over, or before nbf.")
    if ends > now + longest:
        raise PermissionDenied(
            f"The token would hold for longer than the {longest} seconds that tokens of this "
            "credential may: lower exp, or have the operator raise longest_seconds."
        )
    return {"iat": issued, "exp": ends}


def _check_types(claims: Mapping[str, Any]) -> None:
    for name in _TIMES:
        if name in claims and type(claims[name]) not in (int, float):
            raise InvalidArguments(f"The claim {name} is a number of seconds since 1970.")
    for name, _ in _FIXED:
        if name in claims and not isinstance(claims[name], str):
            raise InvalidArguments(f"The claim {name} is a text.")
    audience = claims.get("aud", "")
    texts = audience if isinstance(audience, list) else [audience]
    if not all(isinstance(each, str) for each in texts):
        raise InvalidArguments("The claim aud is a text, or a list of texts.")


def _denied(claim: str, fact: str) -> PermissionDenied:
    return PermissionDenied(
        f"The claim {claim} is fixed by the credential's {fact}: leave it out, or say the same."
    )


def _once_each(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member stands twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")
