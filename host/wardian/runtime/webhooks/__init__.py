"""Webhooks: requests of strangers, verified by a recipe and a credential, and handled once.

Plugin code verifies nothing and sees no key; see ``docs/decisions/0031``.
"""

from wardian.runtime.webhooks.incoming import Answer, Incoming
from wardian.runtime.webhooks.rates import RatePolicy
from wardian.runtime.webhooks.upkeep import Remembering
from wardian.runtime.webhooks.views import WebhookView
from wardian.runtime.webhooks.webhooks import Webhooks, WebhooksParts, WebhooksPolicy

__all__ = [
    "Answer",
    "Incoming",
    "RatePolicy",
    "Remembering",
    "WebhookView",
    "Webhooks",
    "WebhooksParts",
    "WebhooksPolicy",
]
