"""Where browsers find this host."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from wardian.errors import HostUnusable, InvalidArguments
from wardian.oauth.servers import is_loopback
from wardian.policy.urls import parse_url

BEGIN_PATH = "/oauth/connect"
CALLBACK_PATH = "/oauth/callback"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses that people are sent to.

    Attributes:
        public_url: of this host, without a slash at its end; None if it is not known.
    """

    public_url: str | None

    @property
    def is_encrypted(self) -> bool:
        """Whether browsers come over TLS."""
        return self.public_url is not None and self.public_url.startswith("https://")

    def begin(self, ticket: str) -> str:
        """Return where a flow begins.

        Raises:
            InvalidArguments: as for `callback`.
        """
        return f"{self._known()}{BEGIN_PATH}?ticket={ticket}"

    def callback(self, tenant: str, client: str) -> str:
        """Return where a provider sends people back to: another address for each OAuth client.

        So an answer for one client cannot be passed off as another's, also where a provider does
        not say who it is (RFC 9700, section 4.4.2.2).

        Raises:
            InvalidArguments: nobody said where browsers find this host.
        """
        return f"{self._known()}{CALLBACK_PATH}/{quote(tenant, safe='')}/{quote(client, safe='')}"

    def _known(self) -> str:
        if self.public_url is None:
            raise InvalidArguments(
                "Nobody can come back from a provider, because this host does not know its own "
                "address: set WARDIAN_PUBLIC_URL to the one that browsers use, such as "
                "https://wardian.example.org."
            )
        return self.public_url


def addresses_of(public_url: str | None, fallback: str | None) -> Addresses:
    """Return the addresses for what an operator set, or else for ``fallback``.

    Raises:
        HostUnusable: what was set is no address, has a query, or is not encrypted.
    """
    if public_url is None:
        return Addresses(fallback)
    try:
        url = parse_url(public_url)
    except InvalidArguments as exc:
        raise HostUnusable(f"The setting WARDIAN_PUBLIC_URL cannot be used: {exc.message}") from exc
    if url.query is not None or (url.scheme != "https" and not is_loopback(url.host)):
        raise HostUnusable(
            "The setting WARDIAN_PUBLIC_URL cannot be used: it takes an https:// address without a "
            "query; http:// is for this machine itself only."
        )
    return Addresses(str(url).removesuffix("/"))
