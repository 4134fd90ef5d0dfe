"""OAuth 2: the host gets and refreshes tokens, so that plugins need none of it.

The authorization code grant with PKCE and nothing else: RFC 6749, 7636, 7009, 8414, 9207 and, above
them all, 9700. Bodies, client authentication and challenges are Authlib's; what is sent where, how
much of an answer is read and what of it is believed is said here.
"""

from wardian.oauth.authorization import (
    Answer,
    authorization_url,
    check_issuer,
    new_secret,
    parse_answer,
)
from wardian.oauth.exchange import Grant, TokenExchange, Transports
from wardian.oauth.faults import ProviderRefused
from wardian.oauth.providers import PROVIDERS, Provider
from wardian.oauth.servers import (
    AuthMethod,
    Client,
    Server,
    server_of,
)
from wardian.oauth.tokens import Tokens

__all__ = [
    "PROVIDERS",
    "Answer",
    "AuthMethod",
    "Client",
    "Grant",
    "Provider",
    "ProviderRefused",
    "Server",
    "TokenExchange",
    "Tokens",
    "Transports",
    "authorization_url",
    "check_issuer",
    "new_secret",
    "parse_answer",
    "server_of",
]
