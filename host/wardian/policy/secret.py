"""A value that nothing prints: what is secret stays secret in every record of it."""

from __future__ import annotations

import hmac
from typing import Any, NoReturn

SHOWN = "[secret]"


class Secret:
    """A text that only `reveal` gives out.

    Its ``repr``, its ``str``, formatting, pickles and copies have nothing of it, so a traceback
    with local variables, a log line or an event that carries one by mistake gives nothing away.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, to be put where it is needed and kept nowhere."""
        return self._text

    def __repr__(self) -> str:
        return SHOWN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return SHOWN

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self._text.encode(errors="surrogatepass"), other._text.encode(errors="surrogatepass")
        )

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not to be written down.")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self
