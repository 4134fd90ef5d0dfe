"""What browsers carry: the address to consent at, and the answer that comes back."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest

from wardian.errors import InvalidArguments
from wardian.oauth import (
    PROVIDERS,
    Server,
    authorization_url,
    check_issuer,
    new_secret,
    parse_answer,
    server_of,
)

STATE = "s" * 43
SERVER = server_of(
    authorize_url="https://id.example/authorize?audience=api",
    token_url="https://id.example/token",
    issuer="https://id.example",
)


def url(server: Server = SERVER, verifier: str = "v" * 43) -> str:
    return authorization_url(
        server,
        "client",
        redirect_uri="https://host.example/oauth/callback/default/hub-client",
        scopes=["read", "write"],
        state=STATE,
        verifier=verifier,
    )


def test_the_address_asks_for_a_code_and_has_the_digest_of_the_verifier() -> None:
    found = urlsplit(url(verifier="v" * 43))

    digest = hashlib.sha256(b"v" * 43).digest()
    assert f"{found.scheme}://{found.netloc}{found.path}" == "https://id.example/authorize"
    assert parse_qs(found.query) == {
        "audience": ["api"],
        "response_type": ["code"],
        "client_id": ["client"],
        "redirect_uri": ["https://host.example/oauth/callback/default/hub-client"],
        "scope": ["read write"],
        "state": [STATE],
        "code_challenge": [base64.urlsafe_b64encode(digest).rstrip(b"=").decode()],
        "code_challenge_method": ["S256"],
    }


def test_the_challenge_is_that_of_the_rfc() -> None:
    """RFC 7636, appendix B."""
    found = url(verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")

    assert "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&" in found


def test_states_and_verifiers_have_256_random_bits() -> None:
    found = {new_secret() for _ in range(100)}

    assert len(found) == 100
    assert {len(base64.urlsafe_b64decode(each + "=")) for each in found} == {32}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=c",
        f"state={STATE}",
        f"state={STATE}&code=c&error=access_denied",
        f"state={STATE}&state={STATE}&code=c",
        f"state={STATE}&code=c&code=d",
        f"state={STATE}&code=c&iss=https://a.example&iss=https://b.example",
        f"state={STATE}&code=",
        f"state={STATE}&code=c%0d%0a",
        f"state={STATE}&code=c%ff",
        f"state={STATE}x&code=c",
        f"state={STATE[:-1]}%00&code=c",
        f"state={STATE}&code={'c' * 4097}",
        f"state={STATE}&code=c&" + "&".join(f"x{n}=1" for n in range(40)),
        f"state={STATE}&code=c&x=" + "y" * 10_000,
    ],
)
def test_an_answer_that_could_be_read_in_two_ways_is_none(query: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        parse_answer(query)

    assert STATE not in caught.value.message


def test_what_others_add_to_an_answer_is_left_alone() -> None:
    found = parse_answer(f"code=c&state={STATE}&session_state=1&session_state=2&scope=read")

    assert found.code is not None
    assert (found.state.reveal(), found.code.reveal(), found.error) == (STATE, "c", None)
    assert STATE not in repr(found)


@pytest.mark.parametrize(
    ("error", "told"),
    [("access_denied", "access_denied"), ("<script>", "unknown"), ("login_required", "unknown")],
)
def test_an_error_is_told_in_the_words_of_the_standard_only(error: str, told: str) -> None:
    assert parse_answer(f"state={STATE}&error={error}").error == told


SAYING = server_of(
    authorize_url="https://id.example/authorize",
    token_url="https://id.example/token",
    issuer="https://id.example",
    says_issuer=True,
)
NAMELESS = server_of(
    authorize_url="https://id.example/authorize", token_url="https://id.example/token"
)


@pytest.mark.parametrize(
    ("server", "issuer"),
    [
        (SERVER, "https://evil.example"),
        (SERVER, "https://id.example/"),
        (SERVER, ""),
        (SAYING, None),
        (SAYING, "https://evil.example"),
        (NAMELESS, "https://id.example"),
    ],
)
def test_an_answer_of_another_issuer_is_refused(server: Server, issuer: str | None) -> None:
    said = "" if issuer is None else f"&iss={issuer}"

    with pytest.raises(InvalidArguments):
        check_issuer(server, parse_answer(f"state={STATE}&code=c{said}"))


@pytest.mark.parametrize(
    ("server", "said"),
    [(SERVER, ""), (SERVER, "&iss=https%3A%2F%2Fid.example"), (NAMELESS, "")],
)
def test_an_answer_of_the_right_issuer_is_taken(server: Server, said: str) -> None:
    check_issuer(server, parse_answer(f"state={STATE}&code=c{said}"))


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "http://id.example/authorize",
        "https://user@id.example/authorize",
        "https://id.example\\@evil.example/",
        "https://id.example/authorize#fragment",
        "//id.example/authorize",
        "https://id.example/authorize?state=mine",
        "https://id.example/authorize?%72edirect_uri=https://evil.example",
        "https://id.example/authorize?client_id=",
    ],
)
def test_an_authorization_address_that_could_lead_elsewhere_is_refused(address: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        server_of(authorize_url=address, token_url="https://id.example/token")

    assert caught.value.path == "authorization_url"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://id.example/token", "ftp://a/b"])
def test_secrets_go_over_encrypted_connections_only(address: str) -> None:
    for name in ("token_url", "revocation_url", "issuer"):
        addresses = {"token_url": "https://id.example/token", name: address}
        with pytest.raises(InvalidArguments) as caught:
            server_of(authorize_url="https://id.example/authorize", **addresses)
        assert caught.value.path == name


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1:9", "[::1]"])
def test_a_provider_on_this_machine_may_do_without_encryption(host: str) -> None:
    found = server_of(authorize_url=f"http://{host}/a", token_url=f"http://{host}/t")

    assert found.token_url == f"http://{host}/t"


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_what_is_known_of_a_provider_is_what_an_operator_could_have_given(name: str) -> None:
    known = PROVIDERS[name]

    found = server_of(
        authorize_url=known.authorize_url,
        token_url=known.token_url,
        issuer=known.issuer,
        revocation_url=known.revocation_url,
    )

    assert found.authorize_url == known.authorize_url
    assert all(origin.startswith("https://") and origin.endswith("/") for origin in known.origins)
