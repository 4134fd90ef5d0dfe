"""Webhooks of plugins: requests of strangers, verified by recipe and credential, handled once.

Plugin code verifies nothing and sees no key; see ``docs/decisions/0031``.
"""

from wardian.runtime.hooks.hooks import Hooks, HooksParts, HooksPolicy
from wardian.runtime.hooks.incoming import Answer, Incoming
from wardian.runtime.hooks.rates import RatePolicy
from wardian.runtime.hooks.upkeep import Remembering
from wardian.runtime.hooks.views import WebhookView

__all__ = [
    "Answer",
    "Hooks",
    "HooksParts",
    "HooksPolicy",
    "Incoming",
    "RatePolicy",
    "Remembering",
    "WebhookView",
]
