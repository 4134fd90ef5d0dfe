"""The agents among the samples, built from source, asked on a real host."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from wardian import Host, Settings, open_host
from wardian.agents.questions import Piece
from wardian.bootstrap import COMPILED
from wardian.cli.authoring import Language, Template, ToolchainMissing, build, scaffold
from wardian.cli.demo.stand_in import StandIn, standing_in
from wardian.errors import GuestError
from wardian.runtime.credentials import CredentialOrder

pytestmark = [pytest.mark.toolchain, pytest.mark.anyio]

SAMPLES = Path(__file__).parents[2] / "sample-plugins"
LEAD, RANK = "summarize-lead", "summarize-rank"
AGENTS = (LEAD, RANK, "detect-language", "chat")
TEXT = (
    "Ferns need shade and water to grow well. My aunt came on Tuesday. "
    "Without shade the leaves of ferns turn brown, and without water ferns do not grow."
)


@dataclass(frozen=True)
class Chat:
    """The installed `chat`, as its operator changes it."""

    host: Host
    stand_in: StandIn

    async def configure(self, **config: Any) -> None:
        """Have this configuration, and the rest as it is shipped."""
        await self.host.set_config("chat", {"api_url": f"{self.stand_in.url}/v1", **config})

    async def trust(self, token: str) -> None:
        """Have this token sent."""
        order = CredentialOrder(
            name="chat",
            kind="bearer",
            fields={"token": token},
            plugin="chat",
            origins=[f"{self.stand_in.url}/v1/"],
        )
        await self.host.credentials.set(order, tenant="default", actor="test")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with standing_in(SAMPLES) as running:
        assert running is not None
        yield running


@pytest.fixture(scope="module")
async def host(
    stand_in: StandIn,
    built_samples: dict[str, Path],
    with_code: Callable[..., None],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Host]:
    """A host with those agents whose toolchain is here; `chat` asks the stand-in."""
    folder = tmp_path_factory.mktemp("host")
    network = f"127.0.0.1/32:{httpx.URL(stand_in.url).port}"
    settings = Settings(data_dir=folder / "state", egress_allowed_networks=(network,))
    several = [name for name in AGENTS if name in built_samples]
    with_code(settings.data_dir / COMPILED, *several)
    async with open_host(settings) as running:
        for name in several:
            await running.install(stand_in.variant(built_samples[name], folder), grants="all")
        yield running


@pytest.fixture
def there(built_samples: dict[str, Path]) -> Callable[..., None]:
    """Skip the test where a sample's toolchain is not here."""

    def check(*names: str) -> None:
        for name in names:
            if name not in built_samples:
                pytest.skip(f"the toolchain of {name} is not installed")

    return check


@pytest.fixture
async def chat(host: Host, stand_in: StandIn, there: Callable[..., None]) -> Chat:
    """`chat` as it is shipped, with the token that the stand-in demands."""
    there("chat")
    found = Chat(host, stand_in)
    await found.configure()
    await found.trust(stand_in.token)
    return found


async def ask(host: Host, capability: str, question: object, agent: str = "", **more: Any) -> Any:
    criteria = {"agents": [agent]} if agent else None
    return await host.agents.ask(capability, question, criteria=criteria, **more)


async def refusal(host: Host, capability: str, question: object, agent: str) -> str:
    with pytest.raises(GuestError) as caught:
        await ask(host, capability, question, agent)
    return str(caught.value.payload)


# summaries


async def test_two_agents_summarize_at_different_costs(
    host: Host, there: Callable[..., None]
) -> None:
    there(LEAD, RANK)

    lead = await ask(host, "summarize", {"text": TEXT, "words": 14}, LEAD)
    rank = await ask(host, "summarize", {"text": TEXT, "words": 25}, RANK)

    assert lead.output["summary"] == TEXT[: TEXT.index(" Without")]
    assert [each.split()[0] for each in rank.output["sentences"]] == ["Ferns", "Without"]
    assert (lead.unit, lead.units) == ("character", len(lead.output["summary"]))
    assert (rank.unit, rank.units) == ("character", len(TEXT))
    assert 0 < lead.cost < rank.cost / 5


@pytest.mark.parametrize("agent", [LEAD, RANK])
async def test_summarizers_agree_on_what_a_question_is(
    host: Host, there: Callable[..., None], agent: str
) -> None:
    there(agent)

    assert await refusal(host, "summarize", {}, agent) == "the input's text is not set"
    assert "words is" in await refusal(host, "summarize", {"text": TEXT, "words": 0}, agent)
    assert "text is" in await refusal(host, "summarize", {"text": 7}, agent)
    assert "no text" in await refusal(host, "summarize", {"text": " \n "}, agent)
    assert "words is" in await refusal(host, "summarize", {"text": TEXT, "words": 2**60}, agent)


@pytest.mark.parametrize("agent", [LEAD, RANK])
@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Mr. Smith met Dr. J. R. Jones at 3.15 p.m. today. They spoke of it.", "today."),
        ("A heading of words\n\nAnd what is below it.", "words"),
        ('"Is it true?" she asked them. He did not say.', "them."),
        ("No end", "end"),
    ],
)
async def test_summarizers_agree_on_where_sentences_end(
    host: Host, there: Callable[..., None], agent: str, text: str, first: str
) -> None:
    there(agent)

    answer = await ask(host, "summarize", {"text": text, "words": 1000}, agent)

    assert answer.output["sentences"][0].endswith(first)


async def test_a_summary_is_kept_and_costs_nothing_the_second_time(
    host: Host, there: Callable[..., None]
) -> None:
    there(LEAD)

    first = await ask(host, "summarize", {"text": TEXT})
    second = await ask(host, "summarize", {"text": TEXT})

    assert (first.cached, second.cached, second.cost) == (False, True, 0)
    assert first.output == second.output


# languages


async def test_a_language_is_told_with_how_sure_that_is(
    host: Host, there: Callable[..., None]
) -> None:
    there("detect-language")

    answer = await ask(host, "detect-language", {"text": "Wo wachsen die Farne im Schatten?"})

    assert (answer.output["language"], answer.output["name"]) == ("de", "German")
    assert answer.confidence == answer.output["probability"] > 0.9
    told = await refusal(host, "detect-language", {"text": "1234"}, "detect-language")
    assert "no letters" in told


# chat


def said(*texts: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text} for text in texts]}


async def test_a_model_answers_in_pieces_and_its_tokens_are_the_cost(
    host: Host, chat: Chat
) -> None:
    pieces: list[str] = []

    async def hear(piece: Piece) -> None:
        pieces.append(piece.text)

    answer = await ask(host, "chat", said("Good day", "How are ferns?"), on_piece=hear)

    text = "This is a stand-in and no model. You said: How are ferns?"
    assert answer.output["message"] == {"role": "assistant", "content": text}
    assert answer.output["model"] == "gpt-4o-mini-stand-in"
    assert answer.output["finish_reason"] == "stop"
    assert answer.output["tokens"] == {"prompt": 5, "completion": 12, "estimated": False}
    assert (answer.unit, answer.units) == ("token", 17)
    assert answer.cost == pytest.approx(17 * 0.0000006)
    assert "".join(pieces) == text
    assert len(pieces) > 1


async def test_a_model_that_is_told_to_be_brief_is(host: Host, chat: Chat) -> None:
    await chat.configure(stream=False, max_tokens=3, system="Be.")

    answer = await ask(host, "chat", {**said("Hello"), "max_tokens": 100, "temperature": 0})

    assert answer.output["message"]["content"] == "This is a"
    assert answer.output["finish_reason"] == "length"
    assert answer.output["tokens"]["prompt"] == 2


async def test_tokens_are_estimated_where_a_provider_does_not_tell(host: Host, chat: Chat) -> None:
    await chat.configure(stream=False, model="terse")

    answer = await ask(host, "chat", said("abcdefgh"))

    assert answer.output["tokens"] == {"prompt": 2, "completion": 13, "estimated": True}
    assert answer.units == 15


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("busy", "the provider takes no more questions for now, and again in 7 s: Rate limit"),
        ("broken", "the provider is not well (503): The engine is overloaded"),
        ("unknown", "the provider refuses the question (404): The model does not exist"),
        ("odd", "the provider's answer has another shape"),
    ],
)
async def test_what_a_provider_does_instead_of_answering_is_told(
    host: Host,
    chat: Chat,
    model: str,
    told: str,
) -> None:
    await chat.configure(model=model)

    assert (await refusal(host, "chat", said("Hello"), "chat")).startswith(told)


async def test_no_part_of_a_credential_is_told_when_it_is_not_taken(host: Host, chat: Chat) -> None:
    await chat.trust("wrong-token-of-somebody")

    told = await refusal(host, "chat", said("Hello"), "chat")

    assert told == "the provider does not take the credential 'chat' (401)"


async def test_without_a_credential_nobody_is_asked(host: Host, chat: Chat) -> None:
    await host.credentials.remove("chat", tenant="default", actor="test", plugin="chat")

    assert "the host did not ask" in await refusal(host, "chat", said("Hello"), "chat")


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"messages": []}, "1 to 200 messages"),
        ({"messages": [{"role": "tool", "content": ""}]}, "messages[0].role is 'tool', not one of"),
        ({"messages": [{"role": "user"}]}, "messages[0].content is not set"),
        ({**said("a"), "max_tokens": 0}, "max_tokens is 0"),
        ({**said("a"), "temperature": 3}, "temperature is 3"),
    ],
)
async def test_what_is_no_conversation_is_not_passed_on(
    host: Host,
    chat: Chat,
    question: object,
    told: str,
) -> None:

    assert told in await refusal(host, "chat", question, "chat")


# agents of one's own


@pytest.mark.parametrize("language", [Language.PYTHON, Language.TYPESCRIPT])
async def test_a_new_agent_answers(host: Host, tmp_path: Path, language: Language) -> None:
    made = scaffold(f"new-{language.value}", language, tmp_path, Template.AGENT)
    try:
        build(made, progress=print)
    except ToolchainMissing as missing:
        pytest.skip(str(missing))
    await host.install(made, grants="all")

    answer = await ask(host, "count-words", {"text": "three short words"}, made.name)

    assert (answer.output, answer.units) == ({"words": 3}, 17)
    assert "no words" in await refusal(host, "count-words", {"text": " "}, made.name)
    assert "is not set" in await refusal(host, "count-words", {}, made.name)
