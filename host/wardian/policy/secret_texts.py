"""Secrets in running text: where they begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wardian.policy.secret_names import is_secret_name

# A name and what separates it from its value. It begins where a word does, so that a long text is
# gone through once.
_NAMED = re.compile(r"""(?<![\w.-])([A-Za-z_][\w.-]{0,63})["']?[ \t]{0,4}(=|:)[ \t]{0,4}(["']?)""")
_AFTER_EQUALS = re.compile(r"""(?:(?:Bearer|Basic|Digest|Token)[ ]+)?([^\s&;,"'<>]+)""")
_AFTER_COLON = re.compile(r"([^\r\n]+)")
_QUOTED = {quotation: re.compile(rf"([^{quotation}]+)") for quotation in "\"'"}
_IN_ADDRESS = re.compile(r"://[^\s/:@]{0,256}:([^\s/@]{1,256})@")

# What is a secret by its looks: a bearer's token, a JSON Web Token, a key of this host, a PEM key.
_LOOKS = re.compile(
    r"Bearer[ ]+([\w.~+/-]{8,}=*)"
    r"|\b(eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
    r"|\b(wdn_[\w-]{16,})"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----([^-]+)"
)


def secret_spans(text: str) -> Iterator[tuple[int, int]]:
    """Find the secrets in a text: where each begins and ends, in no order."""
    if ":" in text or "=" in text:
        for found in _NAMED.finditer(text):
            if is_secret_name(found[1]):
                value = _value_pattern(found).match(text, found.end())
                if value is not None:
                    yield value.span(1)
        for found in _IN_ADDRESS.finditer(text):
            yield found.span(1)
    for found in _LOOKS.finditer(text):
        yield found.span(found.lastindex or 0)


def _value_pattern(named: re.Match[str]) -> re.Pattern[str]:
    separator, quotation = named[2], named[3]
    if quotation:
        return _QUOTED[quotation]
    return _AFTER_COLON if separator == ":" else _AFTER_EQUALS
