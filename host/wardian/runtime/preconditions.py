"""A change that is made only if nobody else has made one since it was thought of.

Whoever asks for a change says in which state it saw the thing. That is compared within the
transaction of the change, before anything else, so no change of another can come in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from wardian.errors import PreconditionFailed
from wardian.storage import Connection, Database
from wardian.storage.revisions import Kind, revision


@dataclass(slots=True)
class Precondition:
    """In which state something has to be for the change to be made.

    Attributes:
        subject: which thing of the kind it is; see `wardian.storage.revisions.revision`.
        expected: the words for the states that will do.
        is_spent: whether it was looked at; what a change does after its beginning is its own doing.
    """

    kind: Kind
    subject: Mapping[str, str]
    expected: Collection[str]
    is_spent: bool = False


# A context variable, because every change goes through one journal and every verb of the host has
# its own parameters: a thread of them through all verbs would say one thing fifty times.
_EXPECTED: ContextVar[Precondition | None] = ContextVar("wardian_precondition", default=None)


@contextmanager
def expecting(precondition: Precondition) -> Iterator[None]:
    """Have the next change that this block begins be made on that condition only."""
    token = _EXPECTED.set(precondition)
    try:
        yield
    finally:
        # Also for tasks that were begun meanwhile, and have taken the variable along.
        precondition.is_spent = True
        _EXPECTED.reset(token)


async def check_precondition(connection: Connection, tenant: str) -> None:
    """Check what is expected of the change that begins with this transaction, if anything is.

    Raises:
        PreconditionFailed: the thing is in another state.
    """
    precondition = _EXPECTED.get()
    if precondition is None or precondition.is_spent:
        return
    precondition.is_spent = True
    present = await revision(connection, tenant, precondition.kind, precondition.subject)
    if present not in precondition.expected:
        raise PreconditionFailed(
            f"The {precondition.kind.replace('-', ' ')} is not in the state that If-Match names: "
            "somebody has changed it since. Read it again, and repeat the change with its new ETag "
            "if it still makes sense. Nothing was changed."
        )


class Revisions:
    """The words for the states of things, to be shown with them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, tenant: str, kind: Kind, **subject: str) -> str:
        """Return the word for the state of a thing now.

        To be asked for before the thing itself is: then the word is never newer than what is shown.
        """
        async with self._database.reading() as connection:
            return await revision(connection, tenant, kind, subject)
