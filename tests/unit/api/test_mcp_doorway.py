import pytest

from wardian.api.mcp.doorway import Doorway
from wardian.errors import Forbidden
from wardian.settings import Settings

DOORWAY = Doorway(
    Settings(public_url="https://wardian.example.org", mcp_names=("inside.test", "other.test:81"))
)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8420",
        "localhost",
        "LOCALHOST:1",
        "[::1]:8420",
        "192.0.2.7",
        "wardian.example.org",
        "wardian.example.org:443",
        "inside.test:9",
        "other.test",
    ],
)
def test_names_of_the_host_and_addresses_are_taken(host: str) -> None:
    DOORWAY.check(host, None)
    DOORWAY.check(host, f"https://{host}")
    DOORWAY.check(host, "http://localhost:3000")


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "rebound.example:8420",
        "localhost.rebound.example",
        "127.0.0.1.rebound.example",
        "wardian.example.org.rebound.example",
        "localhost@rebound.example",
        "[::1",
        "",
        None,
    ],
)
def test_a_name_of_somebody_else_s_is_refused(host: str | None) -> None:
    with pytest.raises(Forbidden, match="header Host"):
        DOORWAY.check(host, None)


@pytest.mark.parametrize(
    "origin",
    ["https://rebound.example", "null", "", "file://", "https://localhost.rebound.example"],
)
def test_a_page_of_somebody_else_s_is_refused(origin: str) -> None:
    with pytest.raises(Forbidden, match="header Origin"):
        DOORWAY.check("localhost", origin)
