"""What the host does around the functions of plugins, because their manifests say so.

`chain` is the way a call takes; each other module is one layer of it, or what that works with.
"""

from wardian.runtime.enhancements.answers import Answers, CachePolicy
from wardian.runtime.enhancements.chain import Chain, ChainParts, Chains
from wardian.runtime.enhancements.passing import Passing
from wardian.runtime.enhancements.rates import RateLimits
from wardian.runtime.enhancements.retries import Pauses
from wardian.runtime.enhancements.views import (
    ChainView,
    Enhancements,
    EnhancementsView,
    KeptView,
    LayerView,
    OfferedFunction,
    offered,
)
from wardian.runtime.enhancements.watching import Figures, Watches

__all__ = [
    "Answers",
    "CachePolicy",
    "Chain",
    "ChainParts",
    "ChainView",
    "Chains",
    "Enhancements",
    "EnhancementsView",
    "Figures",
    "KeptView",
    "LayerView",
    "OfferedFunction",
    "Passing",
    "Pauses",
    "RateLimits",
    "Watches",
    "offered",
]
