"""Answers that their agents say may be given again, kept for equal questions.

They stand among the answers that the host keeps for equal calls, under the same bounds, and go with
them when anything about the agent changes. A question is equal to another as a call is: nothing
that the agent can see, and nothing that decides what it may do, is different.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

import msgspec

from wardian.agents.asking.attempt import Attempt
from wardian.agents.asking.attempts import Attempts, request_of
from wardian.agents.asking.replies import Reply, read_output
from wardian.agents.candidates import Candidate
from wardian.agents.questions import Question
from wardian.capabilities import Course
from wardian.crypto.identifiers import new_id
from wardian.errors import WardianError
from wardian.plugins import Installed
from wardian.plugins.agents import AGENT_ASK
from wardian.runtime.calls import Answered, Calls
from wardian.runtime.enhancements.answers import Answers
from wardian.runtime.enhancements.keys import Keys, stamp_of

KEYS_MAX = 1_024
"""Of how many agents it is remembered which of their questions are equal; the last asked."""

_MARK = b"agent:"


class _Content(msgspec.Struct, array_like=True, frozen=True):
    output: str
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """An answer that was kept."""

    plugin: Installed
    reply: Reply


class KeptAnswers:
    """Finds and keeps answers."""

    def __init__(self, attempts: Attempts, answers: Answers, calls: Calls, seconds: float) -> None:
        """Answers are kept for so many ``seconds``; with 0 none is."""
        self._attempts = attempts
        self._answers = answers
        self._calls = calls
        self._seconds = seconds
        self._keys: OrderedDict[int, tuple[Installed, Keys]] = OrderedDict()

    async def find(self, question: Question, candidate: Candidate) -> Found | None:
        """Return what a candidate answered to an equal question, if it is kept.

        It counts as a call.

        Raises:
            QuotaExceeded, TryLater: as of any call.
        """
        began = time.perf_counter()
        if not self._is_on:
            return None
        try:
            plugin = await self._attempts.find(question.tenant, candidate)
        except WardianError:
            return None  # to be said when it is asked
        key = self._key(plugin, question)
        if key is None:
            return None
        shelf = self._answers.shelf(question.tenant, plugin.name)
        answer = self._answers.find(shelf, key)
        if answer is None:
            shelf.misses += 1
            return None
        content = msgspec.msgpack.decode(answer.content, type=_Content)
        # What is a credential by now may have been a word like any other when this was made.
        if not await self._calls.sinks.is_clean(plugin.tenant, plugin.asked, content.output):
            self._answers.discard(shelf, key)
            return None
        shelf.hits += 1
        await self._calls.answered(plugin, _answered(question, time.perf_counter() - began))
        return Found(plugin, await _reply(content))

    async def keep(self, question: Question, attempt: Attempt) -> None:
        """Keep an answer that its agent says may be given again, unless it is less than it could
        be, or has a credential in it."""
        plugin, reply, shelf = attempt.plugin, attempt.reply, attempt.shelf
        if plugin is None or reply is None or shelf is None or not reply.cacheable:
            return
        if not self._is_on or attempt.course.fell_short:
            return
        key = self._key(plugin, question)
        if key is None:
            return
        if not await self._calls.sinks.is_clean(plugin.tenant, plugin.asked, reply.text):
            return
        content = msgspec.msgpack.encode(_Content(reply.text, reply.confidence))
        size = len(content)
        self._answers.keep(shelf, key, content, output_bytes=size, ttl=self._seconds)

    @property
    def _is_on(self) -> bool:
        return self._seconds > 0 and self._answers.policy.bytes_max > 0

    def _key(self, plugin: Installed, question: Question) -> bytes | None:
        if AGENT_ASK not in plugin.description.functions:
            return None
        key = self._keys_of(plugin).of(request_of(question, call_id="", course=Course()))
        return None if key is None else _MARK + key

    def _keys_of(self, plugin: Installed) -> Keys:
        # By identity: what is known of a plugin is another value once anything has changed.
        found = self._keys.get(id(plugin))
        if found is None:
            stamp = stamp_of(plugin, *self._calls.settings_of(plugin))
            found = self._keys[id(plugin)] = plugin, Keys(plugin, AGENT_ASK, stamp)
            if len(self._keys) > KEYS_MAX:
                self._keys.popitem(last=False)
        return found[1]


def _answered(question: Question, seconds: float) -> Answered:
    nested = question.caller is not None
    return Answered(id=new_id(), function=AGENT_ASK, seconds=seconds, nested=nested)


async def _reply(content: _Content) -> Reply:
    return Reply(
        output=await read_output(content.output),
        text=content.output,
        units=0,
        confidence=content.confidence,
        cacheable=True,
    )
