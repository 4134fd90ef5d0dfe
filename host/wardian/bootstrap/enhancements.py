"""What is around plugins' functions, by the operator's settings."""

from __future__ import annotations

from functools import partial

from wardian.events import Event, Events
from wardian.plugins import Registry
from wardian.runtime.calls import Calls
from wardian.runtime.enhancements import (
    Answers,
    CachePolicy,
    ChainParts,
    Chains,
    Enhancements,
    Pauses,
    RateLimits,
    Watches,
)
from wardian.runtime.journal import Journal
from wardian.settings import Settings

CHANGES = ("plugin.*", "config.*", "trust.changed", "credential.*")
"""With these, on whichever host, what was kept of answers is kept no longer."""


def make_enhancements(
    settings: Settings, events: Events, registry: Registry, journal: Journal, calls: Calls
) -> tuple[Chains, Enhancements, Watches]:
    answers, watches = Answers(cache_policy(settings)), Watches(journal)
    chains = Chains(
        ChainParts(
            calls=calls,
            sinks=calls.sinks,
            answers=answers,
            limits=RateLimits(),
            watches=watches,
            pauses=Pauses(),
        )
    )

    for topics in CHANGES:
        events.subscribe(topics, partial(_forget, chains))
    return chains, Enhancements(registry, chains, answers, watches), watches


def _forget(chains: Chains, event: Event) -> None:
    # A credential is not one plugin's, whoever it was that set it.
    is_of_plugin = not event.topic.startswith("credential.")
    chains.forget(event.tenant, event.plugin if is_of_plugin else None)


def cache_policy(settings: Settings) -> CachePolicy:
    return CachePolicy(
        bytes_max=settings.cache_bytes_max,
        entries_max=settings.cache_entries_max,
        tenant_bytes_max=settings.cache_tenant_bytes_max,
        tenant_entries_max=settings.cache_tenant_entries_max,
        entry_bytes_max=settings.cache_entry_bytes_max,
    )
