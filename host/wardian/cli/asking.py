"""Questions to agents: asked, heard while they are answered, and explained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import typer

from wardian.cli.agents import milliseconds, money
from wardian.cli.arguments import json_object, json_value, text_value
from wardian.cli.client import Client, connect
from wardian.cli.failures import Failure, failure
from wardian.cli.jobs import messages
from wardian.cli.terminal import Json, Terminal, command

Capability = Annotated[
    str, typer.Argument(metavar="CAPABILITY", help="What an agent must be able to do.")
]
Input = Annotated[
    str,
    typer.Argument(
        metavar="INPUT", help="What it is to do that to, as JSON; @FILE, or - for stdin."
    ),
]
IsText = Annotated[bool, typer.Option("--text", help="INPUT is text, and not JSON.")]
Criteria = Annotated[
    str,
    typer.Option(
        "--criteria", help='What is wanted: \'{"ceilings": {"cost": 0.01}}\'; @FILE or -.'
    ),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        help="Who is best: best-quality, cheapest, fastest, least-loaded, round-robin, thompson or "
        "weighted.",
    ),
]

_ASK = "/agents/ask"


@command
def ask(
    capability: Capability,
    input: Input,  # noqa: A002 -- what the API calls it
    text: IsText = False,
    criteria: Criteria = "{}",
    strategy: Strategy = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Print the answer's pieces as they come.")
    ] = False,
    json: Json = False,
) -> None:
    """Have a question answered by the best agent, and others if that does not answer.

    With --stream --json it prints an object a line.
    """
    terminal = Terminal(json=json)
    body = _body(capability, input, text, _criteria(criteria, strategy))
    with connect() as client:
        if stream:
            with _saying_what_it_cost():
                _hear(terminal, client, body)
            return
        with terminal.busy(f"Asking for {capability}"), _saying_what_it_cost():
            found = client.v2.post(_ASK, body)
    terminal.answer(found, lambda: _print_output(terminal, found["output"]))
    _tell_who(terminal, found)


@command
def explain(
    capability: Capability,
    input: Input = "null",  # noqa: A002 -- as above
    text: IsText = False,
    criteria: Criteria = "{}",
    strategy: Strategy = None,
    json: Json = False,
) -> None:
    """Show who would be asked now, what each candidate scores and why the others are not."""
    terminal = Terminal(json=json)
    body = _body(capability, input, text, _criteria(criteria, strategy))
    with connect() as client:
        found = client.post("/agents/explain", body)
    terminal.answer(found, lambda: _show_choice(terminal, found))


def show_attempts(terminal: Terminal, attempts: list[dict[str, Any]]) -> None:
    """Print who was asked, and how each ended."""
    columns = ["asked", "version", "ended", "after", "cost", "", "reason"]
    rows = [
        [
            each["agent"],
            each["version"],
            each["ending"],
            milliseconds(each["latency_ms"]),
            money(each["cost"]),
            "beside" if each["hedge"] else "",
            each["reason"],
        ]
        for each in attempts
    ]
    terminal.table(columns, rows)


def _criteria(text: str, strategy: str | None) -> dict[str, Any]:
    found = json_object(text, "--criteria")
    return found if strategy is None else found | {"strategy": strategy}


def _body(capability: str, given: str, is_text: bool, criteria: dict[str, Any]) -> dict[str, Any]:
    value = text_value(given, "INPUT") if is_text else json_value(given, "INPUT")
    return {"capability": capability, "input": value, "criteria": criteria}


@contextmanager
def _saying_what_it_cost() -> Iterator[None]:
    try:
        yield
    except Failure as failed:
        if "ask" in failed.error:
            cost = money(failed.error["cost"]) or "0"
            failed.notes.append(f"It cost {cost}; the question {failed.error['ask']}")
        raise


def _hear(terminal: Terminal, client: Client, body: dict[str, Any]) -> None:
    """Print what is told of a question.

    Raises:
        Failure: it was not answered.
    """
    heard = _Heard(terminal)
    for event, told in messages(client.v2.told(_ASK, body)):
        if event == "problem":
            heard.end_line()
            usage = told.pop("usage", None)
            raise Failure(told | {"type": told["type"].rpartition("/")[2]}, usage)
        terminal.answer({"event": event, event: told}, partial(heard.tell, event, told))
        if event == "answer":
            return
    heard.end_line()
    raise failure("unfinished", "The question was not answered.", "The host ended the stream.")


class _Heard:
    """Prints pieces one behind the other, and the answer unless that is what they were."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._pieces: list[str] = []

    def tell(self, event: str, told: Any) -> None:
        """Print what a message says."""
        match event:
            case "piece":
                self._pieces.append(told["text"])
                self._terminal.piece(told["text"])
            case "restarted":
                self.end_line()
                self._terminal.note(f"{told['agent']} answers from the start.")
            case "dropped":
                self._terminal.note(f"{told['dropped']:,} pieces went by too fast.")
            case "answer":
                is_heard = "".join(self._pieces) == told["output"]
                self.end_line()
                if not is_heard:
                    _print_output(self._terminal, told["output"])
                _tell_who(self._terminal, told)

    def end_line(self) -> None:
        """Begin a new line, unless one has just begun; what was said up to now is over."""
        said, self._pieces = "".join(self._pieces), []
        if said and not said.endswith("\n"):
            self._terminal.piece("\n")


def _print_output(terminal: Terminal, output: Any) -> None:
    if isinstance(output, str):
        terminal.line(output)
    else:
        terminal.value(output)


def _tell_who(terminal: Terminal, found: dict[str, Any]) -> None:
    for each in found["attempts"]:
        if each["reason"]:
            terminal.note(f"{each['agent']}: {each['ending']}: {each['reason']}")
    kept = ", kept from before" if found["cached"] else ""
    rule = "" if found["rule"] is None else f" by the rule {found['rule']}"
    terminal.note(
        f"{found['agent']} {found['version']} ({found['strategy']}{rule}): "
        f"{milliseconds(found['latency_ms'])}, {found['units']:,} of {found['unit']}, "
        f"cost {money(found['cost']) or '0'}{kept}; the question {found['id']}"
    )


def _show_choice(terminal: Terminal, found: dict[str, Any]) -> None:
    if found["chosen"] is None:
        terminal.line(f"Nobody would be asked: {found['why_none']}")
    else:
        rule = "" if found["rule"] is None else f", by the rule {found['rule']}"
        terminal.line(f"{found['chosen']} would be asked ({found['strategy']}{rule}).", "bold")
    columns = ["agent", "version", "score", "quality", "latency", "cost", "at most", "load"]
    rows = [
        [
            each["agent"],
            each["version"],
            "" if each["score"] is None else f"{each['score']:.3f}",
            f"{each['quality']:.2f}",
            milliseconds(each["latency_ms"]),
            money(each["cost"]),
            money(each["cost_most"]),
            f"{each['load']:.0%}",
            str(each["priority"]),
            ", ".join(f"{name} {share:.2f}" for name, share in each["parts"].items()),
            each["lost"],
        ]
        for each in found["candidates"]
    ]
    if rows:
        terminal.table([*columns, "priority", "of", "why not"], rows)
