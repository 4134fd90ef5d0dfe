"""What is around a plugin's functions, and how that goes, as operators see it."""

from __future__ import annotations

from typing import Any

import msgspec

from wardian.plugins import Installed, Registry
from wardian.plugins.enhancements import Kind, applied
from wardian.runtime.enhancements.answers import Answers
from wardian.runtime.enhancements.chain import Chains
from wardian.runtime.enhancements.watching import Figures, Watches
from wardian.sandbox.description import FunctionDescription


class LayerView(msgspec.Struct, frozen=True, kw_only=True):
    """One layer of a chain.

    Attributes:
        kind: `monitor`, `rate_limit`, `cache`, `retry` or `timeout`.
        does: a sentence.
        setting: what the manifest says.
    """

    kind: str
    does: str
    setting: dict[str, Any]


class ChainView(msgspec.Struct, frozen=True, kw_only=True):
    """What is around one function.

    Attributes:
        layers: the outermost first.
        figures: of a function that is watched: how its calls went on this host.
    """

    function: str
    layers: list[LayerView]
    figures: Figures | None


class KeptView(msgspec.Struct, frozen=True, kw_only=True):
    """The plugin's answers that this host keeps."""

    answers: int
    bytes: int
    hits: int
    misses: int


class OfferedFunction(FunctionDescription, frozen=True, kw_only=True, omit_defaults=True):
    """One callable function, and what the host does around it.

    Attributes:
        enhancements: a sentence each, the outermost first.
    """

    enhancements: tuple[str, ...] = ()


class EnhancementsView(msgspec.Struct, frozen=True, kw_only=True):
    """What the host does around a plugin's functions.

    Attributes:
        order: of all kinds, the outermost first.
        cache_is_on: whether this host keeps answers at all.
    """

    plugin: str
    version: str
    order: list[str]
    functions: list[ChainView]
    cache: KeptView
    cache_is_on: bool


def offered(plugin: Installed) -> dict[str, OfferedFunction]:
    """Return what of a plugin can be called, by full name."""
    functions = plugin.description.functions
    around = applied(plugin.manifest.enhancements, functions).functions
    return {
        name: OfferedFunction(
            **msgspec.structs.asdict(function),
            enhancements=tuple(str(said.setting) for said in around.get(name, {}).values()),
        )
        for name, function in functions.items()
    }


class Enhancements:
    """Shows what is around functions, and empties what is kept."""

    def __init__(
        self, registry: Registry, chains: Chains, answers: Answers, watches: Watches
    ) -> None:
        self._registry = registry
        self._chains = chains
        self._answers = answers
        self._watches = watches

    async def show(self, name: str, *, tenant: str = "default") -> EnhancementsView:
        """Show what is around a plugin's functions.

        Raises:
            NotFound: no such plugin.
        """
        plugin = await self._registry.get(tenant, name)
        found = applied(plugin.manifest.enhancements, plugin.description.functions)
        count, size = self._answers.taken(tenant, name)
        shelf = self._answers.shelf(tenant, name)
        return EnhancementsView(
            plugin=plugin.name,
            version=plugin.version,
            order=[kind.value for kind in Kind],
            functions=[
                ChainView(
                    function=function,
                    layers=[
                        LayerView(
                            kind=kind.value,
                            does=str(said.setting),
                            setting=said.setting.model_dump(mode="json"),
                        )
                        for kind, said in layers.items()
                    ],
                    figures=self._watches.figures(plugin, function)
                    if Kind.MONITOR in layers
                    else None,
                )
                for function, layers in sorted(found.functions.items())
            ],
            cache=KeptView(answers=count, bytes=size, hits=shelf.hits, misses=shelf.misses),
            cache_is_on=self._answers.policy.bytes_max > 0,
        )

    async def empty_cache(self, name: str, *, tenant: str = "default") -> int:
        """Keep none of a plugin's answers on this host any longer; return how many there were.

        Raises:
            NotFound: no such plugin.
        """
        await self._registry.get(tenant, name)
        count, _ = self._answers.taken(tenant, name)
        self._chains.forget(tenant, name)
        return count
