"""What a host tells of itself, compared with what the catalogue says that it does."""

from __future__ import annotations

from wardian.events import Event, SystemEvent
from wardian.events.catalogue import SYSTEM_EVENTS


def check_fields(event: Event) -> None:
    """Check that an event has the fields that the catalogue says, and no others."""
    assert isinstance(event, SystemEvent)
    fields = SYSTEM_EVENTS[event.topic].fields
    always = {field for field in fields if not field.endswith("?")}
    assert always <= set(event.value()) <= {field.removesuffix("?") for field in fields}, event
