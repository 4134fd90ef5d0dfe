"""Names of values that are secrets, whoever named them: one table, and how a name is read."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

SECRET_WORDS = frozenset(
    (
        # What is known to one only.
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "pin",
        "otp",
        "cvv",
        "secret",
        # What whoever holds it may use.
        "token",
        "authtoken",
        "accesstoken",
        "bearer",
        "jwt",
        "auth",
        "authorization",
        "authentication",
        "credential",
        "cookie",
        "sessionid",
        "sid",
        # Keys; `key` alone is any name.
        "apikey",
        "accesskey",
        "secretkey",
        "privatekey",
        "signingkey",
        "encryptionkey",
        "masterkey",
        "sshkey",
        "sharedkey",
        "accountkey",
        "sessionkey",
        # What holds one of them.
        "dsn",
        "connectionstring",
    )
)
"""Words that make a name a secret's, alone or as two words side by side (`api-key`). Case, dashes,
underscores, plurals and numbers make no difference."""

_ENDING_CHARS = 5
"""A name may run together with what stands before it (`dbpassword`); shorter words would be found
in others by chance."""

_ENDINGS = tuple(word for word in SECRET_WORDS if len(word) >= _ENDING_CHARS)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_MAX_NAME_CHARS = 256

COUNTED = "tokens"
"""Numbers under a name that ends so count something, as `max_tokens` does."""


def is_secret_name(name: str) -> bool:
    """Tell whether what has this name is to be kept from whoever reads records."""
    return _is_secret(name[-_MAX_NAME_CHARS:])


@lru_cache(maxsize=4_096)
def _is_secret(name: str) -> bool:
    words = words_of(name)
    pairs = (first + second for first, second in pairwise(words))
    return any(map(_is_secret_word, (*words, *pairs)))


def counts(name: str) -> bool:
    """Tell whether a number under this name is a count, although the name is a secret's."""
    return name[-_MAX_NAME_CHARS:].lower().endswith(COUNTED)


def words_of(name: str) -> list[str]:
    """Take a name apart, in lower case: ``X-ApiKey`` is ``x``, ``api`` and ``key``."""
    return [word.lower() for word in _WORD.findall(name)]


def _is_secret_word(word: str) -> bool:
    return any(
        each in SECRET_WORDS or each.endswith(_ENDINGS) for each in (word, word.removesuffix("s"))
    )
