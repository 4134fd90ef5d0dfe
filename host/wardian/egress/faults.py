"""Why a request was not answered, in the words of the contract's ``error``.

Each text is for the guest: it has no address of this network and nothing that a server said.
"""

from __future__ import annotations

from typing import Literal

Case = Literal["denied", "invalid", "exhausted", "unavailable"]


class EgressFault(Exception):
    """A request was not answered."""

    case: Case

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Denied(EgressFault):
    """This host does not send it."""

    case = "denied"


class Invalid(EgressFault):
    """It is no request."""

    case = "invalid"


class Exhausted(EgressFault):
    """It passed a bound."""

    case = "exhausted"


class Unavailable(EgressFault):
    """The other side did not answer, or not in HTTP."""

    case = "unavailable"
