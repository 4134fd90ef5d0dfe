"""The agents at work: who is asked and why, what is answered, and what somebody thinks of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from wardian.agents.host import Host
from wardian.cli.access import curl_line
from wardian.cli.demo.samples import ACTOR, CHAT, LANGUAGE, SUMMARIZERS, Built
from wardian.cli.terminal import Terminal

SUMMARIZE = "summarize"
_TEXT = (
    "Four score and seven years ago our fathers brought forth on this continent, a new nation, "
    "conceived in Liberty, and dedicated to the proposition that all men are created equal. Now we "
    "are engaged in a great civil war, testing whether that nation, or any nation so conceived and "
    "so dedicated, can long endure. We are met on a great battle-field of that war. It is for us "
    "the living to be dedicated to the unfinished work of those who fought here, that this nation "
    "shall have a new birth of freedom."
)
_WORDS = 40
_SCORE = 0.9
_QUESTION = "Wo wachsen die Farne?"
_GREETING = "Good day to you"
_TO_PASTE: dict[str, dict[str, Any]] = {
    SUMMARIZE: {"text": "Ferns grow in shade. They like it moist.", "words": 4},
    LANGUAGE: {"text": _QUESTION},
    CHAT: {"messages": [{"role": "user", "content": _GREETING}]},
}


async def asked(
    host: Host, tenant: str, built: Built, *, with_chat: bool
) -> dict[str, dict[str, Any]]:
    """Ask those that are there, and return what came of it, by capability.

    ``with_chat`` asks the one, too, that asks a service; only where there is a stand-in for it.
    """
    found: dict[str, dict[str, Any]] = {}
    if all(built.has(name) for name in SUMMARIZERS):
        found[SUMMARIZE] = await _summarized(host, tenant)
    if built.has(LANGUAGE):
        found[LANGUAGE] = await _answered(host, tenant, LANGUAGE, {"text": _QUESTION})
    if with_chat and built.has(CHAT):
        messages = [{"role": "user", "content": _GREETING}]
        found[CHAT] = await _answered(host, tenant, CHAT, {"messages": messages})
    return found


def curls(url: str, key: str, capabilities: Iterable[str]) -> dict[str, str]:
    """Return a line for each of these capabilities that puts a question to the best agent."""
    return {
        each: curl_line(
            f"{url}/api/v1/agents/ask", key, {"capability": each, "input": _TO_PASTE[each]}
        )
        for each in capabilities
    }


def show(terminal: Terminal, found: dict[str, dict[str, Any]]) -> None:
    """Show what came of it."""
    for capability, shown in found.items():
        _SHOWN[capability](terminal, shown)


async def _summarized(host: Host, tenant: str) -> dict[str, Any]:
    """Say who would be asked, ask, and judge the answer."""
    question = {"text": _TEXT, "words": _WORDS}
    # Fresh, because an answer that was kept from the last demonstration is nobody's to be judged.
    wanted = {"fresh": True}
    explained = await host.agents.explain(SUMMARIZE, question, criteria=wanted, tenant=tenant)
    answer = await host.agents.ask(SUMMARIZE, question, criteria=wanted, tenant=tenant)
    before = await _quality(host, tenant, answer.agent)
    await host.agents.feedback.give(tenant, answer.id, score=_SCORE, by=ACTOR)
    return {
        "explained": msgspec.to_builtins(explained),
        "answer": msgspec.to_builtins(answer),
        "feedback": {
            "score": _SCORE,
            "quality_before": before,
            "quality": await _quality(host, tenant, answer.agent),
        },
    }


async def _answered(host: Host, tenant: str, capability: str, question: object) -> dict[str, Any]:
    answer = await host.agents.ask(capability, question, tenant=tenant)
    return {"answer": msgspec.to_builtins(answer)}


async def _quality(host: Host, tenant: str, name: str) -> float:
    view = await host.agents.registry.get(tenant, name)
    return next(each.quality for each in view.measured if each.capability == SUMMARIZE)


def _show_summary(terminal: Terminal, found: dict[str, Any]) -> None:
    terminal.line(f"Who is asked to {SUMMARIZE}, and why not the others", "bold")
    terminal.table(
        ["agent", "costs about", "quality", "latency", ""],
        [
            [
                each["agent"],
                f"{each['cost']:.6f}",
                f"{each['quality']:.2f}",
                f"{each['latency_ms']:.0f} ms",
                each["lost"] or "asked",
            ]
            for each in found["explained"]["candidates"]
        ],
    )
    answer, feedback = found["answer"], found["feedback"]
    terminal.line(f"{answer['agent']}: {answer['output']['summary']}")
    terminal.note(
        f"It cost {answer['cost']:.6f} for {answer['units']} {answer['unit']}s. Told that this is "
        f"worth {feedback['score']:g}, the host thinks {feedback['quality']:.2f} of it, and "
        f"{feedback['quality_before']:.2f} before."
    )


def _show_language(terminal: Terminal, found: dict[str, Any]) -> None:
    answer = found["answer"]
    sure = f"{answer['confidence']:.0%}"
    terminal.line(f"{answer['agent']}: '{_QUESTION}' is {answer['output']['name']}, {sure} sure")


def _show_chat(terminal: Terminal, found: dict[str, Any]) -> None:
    answer = found["answer"]
    terminal.line(
        f"{CHAT}, from a stand-in for a language model, with a key that the plugin never sees",
        "bold",
    )
    terminal.line(f"{answer['output']['message']['content']} ({answer['units']} {answer['unit']}s)")


_SHOWN = {SUMMARIZE: _show_summary, LANGUAGE: _show_language, CHAT: _show_chat}
