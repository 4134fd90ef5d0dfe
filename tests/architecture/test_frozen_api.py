"""The HTTP API keeps what it promised: `make freeze` takes what was added into the documents."""

from __future__ import annotations

import json

import pytest

import freeze
from openapi_breaks import breaks


@pytest.mark.parametrize("version", freeze.VERSIONS)
def test_nothing_that_was_promised_is_broken(version: str) -> None:
    kept = json.loads(freeze.frozen_path(version).read_text())
    found = breaks(kept, freeze.frozen(version))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("version", freeze.VERSIONS)
def test_what_was_added_is_promised_from_now_on(version: str) -> None:
    now = freeze.text_of(freeze.frozen(version))
    assert freeze.frozen_path(version).read_text() == now, "run `make freeze`"


@pytest.mark.parametrize("version", freeze.VERSIONS)
def test_a_frozen_document_has_all_that_it_refers_to_and_no_prose(version: str) -> None:
    text = freeze.frozen_path(version).read_text()
    document = json.loads(text)
    for reference in set(freeze._references(document)):
        _, _, group, name = reference.split("/")
        assert name in document["components"][group]
    assert '"summary"' not in text
    assert all(path.startswith(f"/api/{version}/") for path in document["paths"])
