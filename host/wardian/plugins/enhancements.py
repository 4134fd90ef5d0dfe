"""``[[enhancements]]`` in a manifest: what the host does around a plugin's functions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self

import msgspec
from pydantic import BeforeValidator, Field, model_validator

from wardian.errors import Fault, InvalidManifest, NotFound
from wardian.plugins.tables import Table
from wardian.plugins.text import Line
from wardian.policy.wildcards import WILDCARD, matches
from wardian.sandbox.description import resolve_function

ENHANCEMENTS_MAX = 256
"""How many a manifest may list."""

_OF_HOST = "wardian:plugin/"
_NEVER = "wardian:plugin/lifecycle@"
_HANDLERS = ("wardian:plugin/event-handler@", "wardian:plugin/webhook-handler@")


class Kind(StrEnum):
    """The kinds of enhancements, from the outermost to the innermost."""

    MONITOR = "monitor"
    RATE_LIMIT = "rate_limit"
    CACHE = "cache"
    RETRY = "retry"
    TIMEOUT = "timeout"


class RetryOn(StrEnum):
    """The errors after which another attempt may go better; those of the rest are certain."""

    OVERLOADED = "overloaded"
    WORKER_LOST = "worker-lost"
    TRAP = "trap"
    DEADLINE = "deadline-exceeded"
    GUEST_ERROR = "guest-error"


class Monitor(Table):
    """The host watches the function: figures of its last calls, and events when it does badly."""

    slow_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=3600,
            allow_inf_nan=False,
            description="A call that takes longer is told as slow.",
        ),
    ] = 1.0

    def __str__(self) -> str:
        return f"watched, slow beyond {self.slow_seconds:g} s"


class RateLimit(Table):
    """The host lets so many calls of a tenant through."""

    requests_per_minute: Annotated[
        int,
        Field(ge=1, le=1_000_000, description="Calls of the function in a minute, of a tenant."),
    ]

    def __str__(self) -> str:
        return f"at most {self.requests_per_minute} calls a minute"


class Cache(Table):
    """The host keeps what the function answered, and gives it to equal calls."""

    ttl: Annotated[
        float,
        Field(ge=1, le=86_400, allow_inf_nan=False, description="For how long, in seconds."),
    ]

    def __str__(self) -> str:
        return f"answers kept for {self.ttl:g} s"


class Retry(Table):
    """The host calls the function again when it failed by chance."""

    attempts: Annotated[
        int, Field(ge=2, le=10, description="Attempts at most, the first one included.")
    ] = 3
    backoff_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=60,
            allow_inf_nan=False,
            description="How long it waits before the second attempt; that doubles each time.",
        ),
    ] = 0.1
    on: Annotated[
        tuple[Annotated[RetryOn, Field(strict=False)], ...],
        Field(
            min_length=1,
            max_length=len(RetryOn),
            strict=False,
            description="The types of errors after which it is called again.",
        ),
    ] = (RetryOn.OVERLOADED, RetryOn.WORKER_LOST)
    idempotent: Annotated[
        bool,
        Field(
            description="Whether it may be called again after it stored, published, sent or called "
            "something. Unless that is so, it is called again only if it did nothing of the kind."
        ),
    ] = False

    def __str__(self) -> str:
        repeated = ", also after effects" if self.idempotent else ""
        return f"up to {self.attempts} attempts on {', '.join(self.on)}{repeated}"


class Timeout(Table):
    """The host stops the function earlier than its level would."""

    seconds: Annotated[
        float,
        Field(gt=0, le=3600, allow_inf_nan=False, description="For how long one attempt may run."),
    ]

    def __str__(self) -> str:
        return f"stopped after {self.seconds:g} s"


Setting = Monitor | RateLimit | Cache | Retry | Timeout


def _monitor(value: Any) -> Any:
    if value is True:
        return {}
    return None if value is False else value


class Enhancement(Table):
    """What the host does around one function, or around those that fit a pattern."""

    function: Annotated[
        Line,
        Field(
            min_length=1,
            description="The function: `name` or `interface#name`; or a pattern, in which `*` "
            "stands for any run of characters.",
        ),
    ]
    monitor: Annotated[
        Monitor | None,
        BeforeValidator(_monitor, json_schema_input_type=bool | Monitor),
        Field(description="Watch it: `true`, or what is slow: `{ slow_seconds = 0.5 }`."),
    ] = None
    rate_limit: Annotated[
        RateLimit | None,
        Field(description="How often it may be called: `{ requests_per_minute = 100 }`."),
    ] = None
    cache: Annotated[
        Cache | None, Field(description="How long answers are kept: `{ ttl = 300 }`.")
    ] = None
    retry: Annotated[
        Retry | None, Field(description="When it is called again: `{ attempts = 3 }`.")
    ] = None
    timeout: Annotated[
        Timeout | None, Field(description="When it is stopped: `{ seconds = 2 }`.")
    ] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.settings():
            kinds = ", ".join(f"`{kind}`" for kind in Kind)
            raise ValueError(f"says nothing of {self.function!r}; it takes one of {kinds}")
        return self

    @property
    def is_pattern(self) -> bool:
        """Whether it may be of several functions."""
        return WILDCARD in self.function

    def settings(self) -> dict[Kind, Setting]:
        """Return what it says, in the order of the chain."""
        found = {kind: getattr(self, kind.value) for kind in Kind}
        return {kind: setting for kind, setting in found.items() if setting is not None}

    def weight(self) -> tuple[bool, int]:
        """Return how closely it names what it is of: a name more than any pattern, and a pattern
        the more, the more characters it has."""
        if not self.is_pattern:
            return True, 0
        return False, len(self.function.replace(WILDCARD, ""))


class Said(NamedTuple):
    """One thing that a manifest says of a function, and by which of its enhancements."""

    entry: int
    setting: Setting


Enhanced = Mapping[Kind, Said]
"""What is around one function, in the order of the chain."""


class EnhancementAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest has the host do around a function, as people review it."""

    function: str
    does: list[str]


class EnhancementChange(msgspec.Struct, frozen=True, kw_only=True):
    """What another version of a plugin has the host do otherwise around a function."""

    function: str
    before: list[str]
    after: list[str]


@dataclass(frozen=True, slots=True)
class Applied:
    """A manifest's enhancements, found among the functions of a component.

    Attributes:
        functions: what is around each, by its full name; the others have nothing.
        faults: what cannot be.
    """

    functions: Mapping[str, Enhanced]
    faults: Sequence[Fault]


def applied(entries: Sequence[Enhancement], functions: Collection[str]) -> Applied:
    """Find the functions that enhancements are of, by full name.

    Of two that say the same thing of a function the one counts that names it more closely.
    """
    found: dict[str, dict[Kind, Said]] = {}
    faults: list[Fault] = []
    for index in sorted(range(len(entries)), key=lambda index: entries[index].weight()):
        entry = entries[index]
        names, fault = _named(entry, functions)
        if fault is not None:
            faults.append(Fault(fault, f"enhancements[{index}].function"))
        for name in names:
            of_function = found.setdefault(name, {})
            faults += _again(index, entry, entries, name, of_function)
            of_function.update(
                {kind: Said(index, setting) for kind, setting in entry.settings().items()}
            )
    faults += _unfit(found)
    ordered = {
        name: {kind: said[kind] for kind in Kind if kind in said} for name, said in found.items()
    }
    return Applied(ordered, faults)


def check_enhancements(entries: Sequence[Enhancement], functions: Collection[str]) -> None:
    """Check that a component has the functions that its manifest's enhancements are of.

    Raises:
        InvalidManifest: it lacks one, one has the same thing said twice, or is not to have it.
    """
    faults = applied(entries, functions).faults
    if faults:
        raise InvalidManifest(faults=sorted(faults, key=lambda fault: fault.path or ""))


def enhancements_asked(entries: Sequence[Enhancement]) -> list[EnhancementAsked]:
    """Return what a manifest has the host do, as people review it."""
    return [
        EnhancementAsked(function=entry.function, does=[str(each) for each in _settings(entry)])
        for entry in entries
    ]


def enhancement_changes(
    old: Sequence[Enhancement], new: Sequence[Enhancement]
) -> tuple[EnhancementChange, ...]:
    """Return what one version has the host do otherwise than the one before."""
    before, after = _by_function(old), _by_function(new)
    return tuple(
        EnhancementChange(function=name, before=before.get(name, []), after=after.get(name, []))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def _by_function(entries: Sequence[Enhancement]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in entries:
        found.setdefault(entry.function, []).extend(map(str, _settings(entry)))
    return found


def _settings(entry: Enhancement) -> list[Setting]:
    return list(entry.settings().values())


def _named(entry: Enhancement, functions: Collection[str]) -> tuple[Sequence[str], str | None]:
    """Return the functions that an enhancement is of, or why there are none."""
    if not entry.is_pattern:
        try:
            return [resolve_function(entry.function, dict.fromkeys(functions))], None
        except NotFound as error:
            return [], error.message
    own = [name for name in functions if not name.startswith(_OF_HOST)]
    found = [name for name in own if _fits(entry.function, name)]
    if found:
        return found, None
    known = ", ".join(sorted(own)) or "none"
    return [], f"No function of the plugin's own fits {entry.function!r}; it has: {known}."


def _fits(pattern: str, name: str) -> bool:
    return matches(pattern, name) or matches(pattern, name.rpartition("#")[2])


def _again(
    index: int,
    entry: Enhancement,
    entries: Sequence[Enhancement],
    name: str,
    known: Mapping[Kind, Said],
) -> Iterator[Fault]:
    for kind in entry.settings():
        said = known.get(kind)
        if said is not None and entries[said.entry].weight() == entry.weight():
            first, second = sorted((said.entry, index))
            yield Fault(
                f"`{kind}` of {name} is said twice: by enhancements[{first}] "
                f"({entries[first].function!r}) and by enhancements[{second}] "
                f"({entries[second].function!r}). Say it once.",
                f"enhancements[{second}].{kind}",
            )


def _unfit(found: Mapping[str, Mapping[Kind, Said]]) -> Iterator[Fault]:
    """Yield what is said of the functions that the host calls by itself, and cannot be."""
    for name, said in found.items():
        first = min(each.entry for each in said.values())
        if name.startswith(_NEVER):
            yield Fault(
                f"The host calls {name} itself, as its own settings say; it takes no enhancements.",
                f"enhancements[{first}].function",
            )
        elif name.startswith(_HANDLERS) and Kind.CACHE in said:
            yield Fault(
                f"What {name} answers is not kept: it is there for its effects.",
                f"enhancements[{said[Kind.CACHE].entry}].cache",
            )
