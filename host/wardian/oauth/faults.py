"""What a provider says no to."""

from __future__ import annotations

import re

from wardian.errors import Unavailable

LOST = frozenset({"invalid_grant", "bad_refresh_token"})
"""With these a refresh token is worth nothing any more; the second is GitHub's word."""

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class ProviderRefused(Unavailable):
    """The provider refused.

    Attributes:
        code: its error code (RFC 6749, section 5.2), or ``unknown`` where it gave none that is one:
            what a stranger's server says is not repeated in other words than these.
    """

    def __init__(self, host: str, code: object) -> None:
        is_code = isinstance(code, str) and _CODE.fullmatch(code)
        self.code = str(code) if is_code else "unknown"
        super().__init__(f"The provider {host} refused: {self.code}.")

    @property
    def is_final(self) -> bool:
        """Whether asking again with the same refresh token is in vain."""
        return self.code in LOST
