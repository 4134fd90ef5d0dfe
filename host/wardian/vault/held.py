"""A credential while the broker uses it, and where it may go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from wardian.policy.bindings import Binding
from wardian.policy.secret import Secret


class Kind(StrEnum):
    """What a credential is."""

    OPAQUE = "opaque"
    BASIC = "basic"
    BEARER = "bearer"
    HMAC_KEY = "hmac-key"
    AWS = "aws"
    PRIVATE_KEY = "private-key"
    OAUTH2_CLIENT = "oauth2-client"
    OAUTH2_TOKEN = "oauth2-token"  # noqa: S105 -- the name of a kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Where a credential may go, and how it is put into a request.

    Attributes:
        origins: nowhere else; none at all if empty.
        placement: a JSON object by its ``in``: ``header`` (``name``, ``prefix``), ``query``
            (``name``), ``basic``, ``body`` (``pointer``, RFC 6901), or ``signer`` (``algorithm``
            and what that takes); None is the way that is usual for the kind.
    """

    origins: tuple[Binding, ...] = ()
    placement: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A credential, opened for one use.

    Attributes:
        owner: the id of the plugin whose it is; None if it is any plugin's of the tenant.
        version: counts up with each new value.
        public: what of it may be shown, such as a user name; by the kind.
        secrets: the rest, by name; by the kind.
    """

    id: str
    tenant: str
    owner: str | None
    name: str
    kind: Kind
    version: int
    public: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    bound: Bound = field(default_factory=Bound)
    expires_at: datetime | None = None
