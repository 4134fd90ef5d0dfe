"""Topics and their patterns, as the database matches them and as the code does."""

from __future__ import annotations

import random

import pytest

from rows import add_plugin, plugin_row
from wardian.events import MAX_TOPIC_CHARS, check_pattern, check_topic, matches
from wardian.policy.permissions import Permission, parse_permission
from wardian.storage import Database
from wardian.storage.deliveries import DeliveryRepository
from wardian.storage.plugins import PluginRepository

pytestmark = pytest.mark.anyio

SUBSCRIBE = "events:subscribe"
ALPHABET = "ab1._-*"
HOSTILE = [
    "*a" * 100,
    "*" * MAX_TOPIC_CHARS,
    "*aaaaaaaaaa" * 18,
    "a*" * 99 + "b",
    "*" + "a" * 198 + "b",
]
"""What a matcher that goes back to try again would never be done with."""


def some_topics(chance: random.Random, count: int) -> list[str]:
    def word() -> str:
        parts = ("".join(chance.choices("ab1", k=chance.randint(1, 3))) for _ in range(2))
        return chance.choice(["_", "-", ""]).join(parts)

    return [".".join(word() for _ in range(chance.randint(1, 4))) for _ in range(count)]


def some_patterns(chance: random.Random, topics: list[str], count: int) -> list[str]:
    """Patterns that often fit one of the topics: cut out of it, or of its characters."""
    found = ["*", "orders.*.created", "a_b", "a-b", *HOSTILE]
    while len(found) < count:
        topic = chance.choice(topics)
        start, end = sorted(chance.choices(range(len(topic) + 1), k=2))
        found += [
            f"{topic[:start]}*{topic[end:]}",
            topic[:start] + "*",
            "".join(chance.choices(ALPHABET, k=chance.randint(1, 6))).lstrip("._-") or "*",
        ]
    return list(dict.fromkeys(found))


async def test_the_database_and_the_code_agree_about_who_wants_a_topic(database: Database) -> None:
    chance = random.Random(7)
    topics = ["orders.eu.created", "orders.created", "a" * MAX_TOPIC_CHARS, "a_b", "axb"]
    topics += some_topics(chance, 60)
    patterns = some_patterns(chance, topics, 150)
    for number, pattern in enumerate(patterns):
        row = await add_plugin(database, plugin_row(f"p{number}"))
        async with database.transaction() as connection:
            await PluginRepository(connection, "default").set_granted(
                row.id, [str(parse_permission(f"{SUBSCRIBE}:{pattern}"))], "test"
            )

    seen = 0
    for topic in topics:
        check_topic(topic)
        async with database.reading() as connection:
            found = await DeliveryRepository(connection, "default").wanting(f"{SUBSCRIBE}:{topic}")
        by_database = {each.name for each in found}
        by_code = {f"p{at}" for at, pattern in enumerate(patterns) if matches(pattern, topic)}
        by_grant = {
            f"p{at}"
            for at, pattern in enumerate(patterns)
            if Permission(SUBSCRIBE, pattern).covers(Permission(SUBSCRIBE, topic))
        }
        assert by_database == by_code == by_grant, topic
        seen += len(by_code)
    assert seen > len(topics)  # not only the one that wants everything


@pytest.mark.parametrize("pattern", HOSTILE)
def test_what_may_be_granted_may_be_followed_and_the_other_way_round(pattern: str) -> None:
    check_pattern(pattern)
    assert parse_permission(f"{SUBSCRIBE}:{pattern}").target == pattern
