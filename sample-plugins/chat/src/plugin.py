"""chat: an agent that has a language model answer."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from completions import Completion, Failed, Wanted, completed
from wardian_sdk import Answer, Err, PluginAgent, WardianError, answering, answers, config

MOST_MESSAGES = 200


class Role(StrEnum):
    """Who says something in a conversation."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True)
class Message:
    """One thing that was said."""

    role: Role
    content: str


@dataclass(frozen=True)
class Conversation:
    """What is asked: what was said until now.

    Attributes:
        max_tokens: how many the answer has at most, if less than what is configured.
        temperature: 0 to 2, as the provider reads it.
    """

    messages: list[Message]
    max_tokens: int | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class Settings:
    """The configuration; the manifest has a default for all of it."""

    api_url: str
    model: str
    system: str
    max_tokens: int
    stream: bool
    timeout_seconds: float


@dataclass(frozen=True)
class Tokens:
    """How many were used.

    Attributes:
        estimated: whether the provider did not say, so that they were counted by four characters.
    """

    prompt: int
    completion: int
    estimated: bool


@dataclass(frozen=True)
class Said:
    """What the model answers.

    Attributes:
        finish_reason: why it ends there: `stop`, or `length` if there was no room for more.
    """

    message: Message
    model: str
    finish_reason: str
    tokens: Tokens


class Agent(PluginAgent):
    """What ``wit/world.wit`` exports as the interface ``agent``."""

    @answers("chat")
    def chat(self, asked: Conversation) -> Answer:
        """Return what the model says next; what that used is what it charges."""
        settings = config.load(Settings)
        wanted = _wanted(asked, settings)
        try:
            completion = completed(settings.api_url, wanted, settings.timeout_seconds, _teller())
        except Failed as failure:
            raise Err(str(failure)) from None
        except WardianError as refusal:
            raise Err(f"the host did not ask the provider: {refusal}") from None
        return Answer(_said(completion), units=completion.prompt + completion.completion)


def _wanted(asked: Conversation, settings: Settings) -> Wanted:
    if not 1 <= len(asked.messages) <= MOST_MESSAGES:
        raise Err(
            f"a conversation has 1 to {MOST_MESSAGES} messages; here are {len(asked.messages)}"
        )
    if asked.max_tokens is not None and asked.max_tokens < 1:
        raise Err(f"the input's max_tokens is {asked.max_tokens}; an answer has at least one")
    if asked.temperature is not None and not 0 <= asked.temperature <= 2:
        raise Err(f"the input's temperature is {asked.temperature:g}, not from 0 to 2")
    messages = [{"role": each.role.value, "content": each.content} for each in asked.messages]
    if settings.system:
        messages.insert(0, {"role": "system", "content": settings.system})
    most = settings.max_tokens
    return Wanted(
        model=settings.model,
        messages=messages,
        max_tokens=most if asked.max_tokens is None else min(most, asked.max_tokens),
        temperature=asked.temperature,
        stream=settings.stream,
    )


def _teller() -> Callable[[str], None]:
    """Return what passes pieces on, as long as the host takes them."""
    is_heard = True

    def tell(piece: str) -> None:
        nonlocal is_heard
        if is_heard:
            try:
                answering.emit(piece)
            except WardianError:
                # The answer as a whole matters more than its pieces.
                is_heard = False

    return tell


def _said(completion: Completion) -> Said:
    tokens = Tokens(completion.prompt, completion.completion, completion.is_estimated)
    message = Message(Role.ASSISTANT, completion.text)
    return Said(message, completion.model, completion.finish_reason, tokens)
