"""An HTTP request on its way out, and what puts a credential into it at the last moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wardian.policy.secret import Secret
from wardian.policy.urls import Url


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One request, checked and ready.

    Attributes:
        method: in upper case.
        headers: names in lower case, in the order given.
    """

    method: str
    url: Url
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


class Injection(Protocol):
    """Puts one credential into requests.

    Attributes:
        name: of the credential.
        secrets: what may not come back in a response.
    """

    @property
    def name(self) -> str: ...

    @property
    def secrets(self) -> tuple[Secret, ...]: ...

    def covers(self, url: Url) -> bool:
        """Tell whether the credential is bound to where a request goes."""
        ...

    def apply(self, outgoing: Outgoing) -> Outgoing:
        """Return the request with the credential in it.

        Raises:
            InvalidArguments: the request has no place for it: a body that is no JSON, a header
                that is set already.
        """
        ...


def name_as_read(name: str) -> str:
    """Return one spelling for all names of headers that some servers take for the same.

    Those that know headers as variables (CGI, WSGI) have no difference between ``_`` and ``-``.
    """
    return name.lower().replace("_", "-")
