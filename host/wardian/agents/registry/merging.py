"""What one host has seen, added to the rows of all; nothing here waits or writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, fields, replace

from wardian.agents.registry.decay import CLOCKS_APART_SECONDS, Evidence, HalfLives
from wardian.agents.registry.quality import inherited
from wardian.storage.agents import MeasureRow

Place = tuple[str, str]
"""The id of a plugin, and a capability."""

Version = tuple[Place, str]
"""One version of it."""

VERSIONS_MAX = 8
"""Of so many versions of an agent it is kept what was seen; of those that were asked last."""

_SUMS = tuple(each.name for each in fields(Evidence))


@dataclass(slots=True)
class Merged:
    """Rows that are to be written."""

    added: list[MeasureRow] = field(default_factory=list)
    changed: list[MeasureRow] = field(default_factory=list)
    removed: list[MeasureRow] = field(default_factory=list)


def evidence_of(row: MeasureRow) -> Evidence:
    """Return what a row says."""
    return Evidence(**{name: getattr(row, name) for name in _SUMS})


def newest(known: Iterable[Evidence]) -> Evidence | None:
    """Return what was added to last; None of none."""
    return max(known, key=lambda each: each.as_of, default=None)


def merged(
    tenant: str,
    rows: Iterable[MeasureRow],
    news: Mapping[Version, Evidence],
    lives: HalfLives,
    *,
    written_at: float,
) -> Merged:
    """Return which rows to write, so that they have what there was and what is new.

    Args:
        rows: all that there are of the agents that there is news of.
        written_at: the present moment by the database's clock. Nothing is taken to be much later,
            because one host whose clock is ahead would have all that others saw be old.
    """
    latest = written_at + CLOCKS_APART_SECONDS
    places: dict[Place, dict[str, MeasureRow]] = {}
    for row in rows:
        places.setdefault((row.plugin_id, row.capability), {})[row.version] = row
    result = Merged()
    for (place, number), evidence in sorted(news.items()):
        versions = places.setdefault(place, {})
        total = replace(_base(versions, number).no_later_than(latest))
        total.add(evidence.no_later_than(latest), lives)
        row = _row((tenant, *place, number), total, written_at)
        if number in versions:
            result.changed.append(row)
        else:
            result.added.append(row)
            result.removed += _outdated(versions, news)
        versions[number] = row
    return result


def _base(versions: Mapping[str, MeasureRow], number: str) -> Evidence:
    row = versions.get(number)
    if row is not None:
        return evidence_of(row)
    former = newest(map(evidence_of, versions.values()))
    return Evidence() if former is None else inherited(former)


def _outdated(
    versions: dict[str, MeasureRow], news: Mapping[Version, Evidence]
) -> list[MeasureRow]:
    """Take out, and return, what is too much for one more to be added."""
    outdated = []
    for row in sorted(versions.values(), key=lambda each: each.as_of)[: 1 - VERSIONS_MAX]:
        if ((row.plugin_id, row.capability), row.version) not in news:
            outdated.append(versions.pop(row.version))
    return outdated


def _row(key: tuple[str, str, str, str], evidence: Evidence, written_at: float) -> MeasureRow:
    tenant, plugin_id, capability, version = key
    sums = dict(zip(_SUMS, astuple(evidence), strict=True))
    # What is taken back after it has grown old takes a little more than there was.
    bounded = {name: max(value, 0.0) for name, value in sums.items() if name != "asked"}
    return MeasureRow(
        tenant=tenant,
        plugin_id=plugin_id,
        version=version,
        capability=capability,
        written_at=written_at,
        **{**sums, **bounded},
    )
