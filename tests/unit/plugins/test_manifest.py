"""plugin.toml."""

from __future__ import annotations

import contextlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from wardian.errors import InvalidManifest
from wardian.plugins import Manifest, parse_manifest
from wardian.plugins.faults import MAX_FAULTS, located
from wardian.plugins.manifest import MAX_MANIFEST_BYTES
from wardian.plugins.toml_text import MAX_KEY_PARTS
from wardian.policy.levels import Level

SMALLEST = 'name = "counter"\nversion = "1.0.0"\n'

FULL = """
name = "csv-insights"
version = "1.2.3-rc.1+build.5"
api_version = "1.0.0"
description = "Statistics — of CSV texts"
author = "Zoë"
license = "Apache-2.0"
category = "workflow"
tags = ["csv", "statistics"]
sandbox_level = "standard"
capabilities = ["csv-insights", "table.columns@1.0.0"]
required_scopes = ["call"]

[dependencies]
markdown = "^1.2"

[[permissions]]
permission = "kv:read"
reason = "Reads the last result."

[[permissions]]
permission = "http:request:GET:https://api.example.org/*"
reason = "Fetches rates."
optional = true

[config_schema]
type = "object"
properties.limit = { type = "integer" }

[default_config]
limit = 5

[[api_endpoints]]
path = "/summary"
function = "summarise"

[[ui_components]]
name = "chart"
entry = "ui/index.html"

[[webhooks]]
name = "orders"
recipe = "github"

[[enhancements]]
function = "count"
monitor = { slow_seconds = 0.5 }
rate_limit = { requests_per_minute = 100 }
cache = { ttl = 300 }
retry = { attempts = 3, backoff_seconds = 0.2, on = ["trap"], idempotent = true }
timeout = { seconds = 2 }

[health_check]
interval_seconds = 30
timeout_seconds = 2.5

[[migration_scripts]]
from_version = "1.0.0"
to_version = "1.2.0"

[[oauth]]
provider = "github"
scopes = ["repo"]

[[schedule]]
name = "daily"
cron = "0 8 * * MON-FRI"
timezone = "Europe/Berlin"
missed = "run-once"
function = "summarise"
arguments = { days = 1 }

[agent]
priority = 60
cost = { per_call = 0.01, unit = "page" }

[[row_data]]
kind = "invoices"
version = 1

[row_data.data_schema]
type = "object"
properties.due = { type = "string" }
"""


def fault(text: str) -> InvalidManifest:
    with pytest.raises(InvalidManifest) as caught:
        parse_manifest(text.encode())
    return caught.value


def test_name_and_version_suffice() -> None:
    manifest = parse_manifest(SMALLEST.encode())

    assert manifest.name == "counter"
    assert manifest.sandbox_level is Level.RESTRICTED
    assert manifest.permissions == ()
    assert manifest.config_schema is None


def test_every_field_of_the_design_is_read() -> None:
    manifest = parse_manifest(FULL.encode())

    assert set(Manifest.model_fields) == manifest.model_fields_set
    assert [str(permission) for permission in manifest.asked()] == [
        "kv:read",
        "http:request:GET:https://api.example.org/*",
    ]
    assert manifest.default_config == {"limit": 5}


@pytest.mark.parametrize("text", [SMALLEST, FULL])
def test_a_stored_manifest_comes_back_as_it_was(text: str) -> None:
    manifest = parse_manifest(text.encode())

    assert Manifest.restored(manifest.document()) == manifest


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "name"),
        ('version = "1.0.0"', "name"),
        ('name = "a"', "version"),
        (SMALLEST.replace("counter", "Counter"), "name"),
        (SMALLEST.replace("counter", "a" * 65), "name"),
        (SMALLEST.replace("counter", "../etc"), "name"),
        (SMALLEST.replace("counter", "a--b"), "name"),
        (SMALLEST.replace("counter", "a\\n"), "name"),
        (SMALLEST.replace("1.0.0", "1.0"), "version"),
        (SMALLEST.replace("1.0.0", "01.0.0"), "version"),
        (SMALLEST.replace('"1.0.0"', "1"), "version"),
        (SMALLEST + "api_version = 'two'", "api_version"),
        (SMALLEST + "category = 'game'", "category"),
        (SMALLEST + "sandbox_level = 'root'", "sandbox_level"),
        (SMALLEST + "tags = ['ok', 'Not Ok']", "tags[1]"),
        (SMALLEST + "colour = 'red'", "colour"),
        (SMALLEST + 'description = "\\u001b[2J"', "description"),
        (SMALLEST + 'author = "a\\u202eb"', "author"),
        (SMALLEST + "[[permissions]]\npermission = 'kv:read'", "permissions[0].reason"),
        (SMALLEST + "[[permissions]]\nreason = 'x'", "permissions[0].permission"),
        (
            SMALLEST + "[[permissions]]\npermission = 'kv:all'\nreason = 'x'",
            "permissions[0].permission",
        ),
        (
            SMALLEST + "[[permissions]]\npermission = 'kv:read'\nreason = 'x'\noptional = 'no'",
            "permissions[0].optional",
        ),
        (SMALLEST + 2 * "[[permissions]]\npermission = 'kv:read'\nreason = 'x'\n", "permissions"),
        (SMALLEST + "config_schema = 5", "config_schema"),
        (SMALLEST + "[default_config]\nx = nan", "default_config"),
        (SMALLEST + "[default_config]\nx = 2020-01-01", "default_config"),
        (SMALLEST + "[default_config]\nx = " + "[" * 80 + "]" * 80, "default_config"),
        (SMALLEST + "[[ui_components]]\nname = 'a'\nentry = '../x'", "ui_components[0].entry"),
        (SMALLEST + "[health_check]\ninterval_seconds = 0", "health_check.interval_seconds"),
        (SMALLEST + "[dependencies]\nmarkdown = 'latest'", "dependencies.markdown"),
        (SMALLEST + "[dependencies]\n'Mark Down' = '*'", "dependencies.Mark Down"),
    ],
)
def test_a_fault_is_refused_with_its_path(text: str, path: str) -> None:
    found = fault(text)

    assert found.path == path
    assert path in found.message
    assert len(found.message) < 600


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (SMALLEST + "x = ", 3, "not TOML"),
        (SMALLEST + "x = ?\ny = 1", 3, "column 5"),
        ("\n\nname = 'a", 3, "not TOML"),
        (SMALLEST + SMALLEST, 3, "overwrite"),
        (SMALLEST + "[health_check]\n\n[health_check]", 5, "twice"),
        (SMALLEST + "default_config = { a = 1, a = 2 }", 3, "Duplicate"),
        (SMALLEST + "# \u202e", 3, "direction"),
        (SMALLEST + "author = 'a\u2066b'", 3, "direction"),
        (SMALLEST + "author = 'a\x1bb'", 3, "invalid character"),
        (SMALLEST + "author = 'a\0b'", 3, "invalid character"),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    found = fault(text)

    assert (found.line, found.path) == (line, None)
    assert found.message.startswith(f"plugin.toml:{line}: ")
    assert reason in found.message


AGENT = """name = "reader"
version = "1.0.0"
category = "ai_agent"
capabilities = ["read@1.0.0"]
[agent]
priority = 50
[agent.cost]
per_call = 1
unit = "page"
[agent.limits]
units = 10
[agent.probe]
capability = "read"
input = '"x"'
"""


@pytest.mark.parametrize(
    ("right", "wrong", "line", "why"),
    [
        ("priority = 50", "priority = 101", 6, "less than or equal to 100"),
        ("priority = 50", "priority = 'high'", 6, "integer"),
        ("priority", "priorty", 6, "did you mean 'priority'"),
        ("per_call = 1", "per_call = -1", 8, "greater than or equal to 0"),
        ("per_call = 1", "per_call = nan", 8, "finite"),
        ("per_call = 1", "per_call = '1'", 8, "a valid number"),
        ("per_call = 1", "per_call = 1e9", 8, "1000000"),
        ('"page"', '"Page 1"', 9, "lower-case words"),
        ("units = 10", "units = 0", 11, "greater than or equal to 1"),
        ("units = 10", "concurrent = 1e3", 11, "integer"),
        ("units = 10", "input_bytes = 99999999999", 11, "67108864"),
        ('capability = "read"', 'capability = "write"', 13, "`capabilities` lists: read."),
        ("'\"x\"'", "'{'", 14, "must be JSON text"),
        ("'\"x\"'", "'NaN'", 14, "must be JSON text"),
        ('["read@1.0.0"]', '["read@1.0.0", "read@1.0.0"]', 4, "'read@1.0.0' twice"),
        ('["read@1.0.0"]', '["read@1"]', 4, "markdown@1.0.0"),
        ('["read@1.0.0"]', '"read@1.0.0"', 4, "must be a list"),
        ('"ai_agent"', '"agent"', 3, "'ai_agent'"),
    ],
)
def test_what_is_wrong_of_an_agent_is_told_with_what_is_allowed(
    right: str, wrong: str, line: int, why: str
) -> None:
    assert parse_manifest(AGENT.encode()).agent is not None
    found = fault(AGENT.replace(right, wrong, 1))

    assert found.line == line
    assert why in found.message


def test_a_misspelt_field_gets_a_suggestion() -> None:
    assert "did you mean 'description'" in fault(SMALLEST + "descripton = 'x'").message


def test_text_that_is_not_utf_8_is_refused_with_the_line() -> None:
    with pytest.raises(InvalidManifest) as caught:
        parse_manifest(SMALLEST.encode() + b"description = '\xff'")

    assert caught.value.line == 3


def test_a_manifest_too_large_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InvalidManifest, match="it may have 65536"):
        parse_manifest(b"#" * (MAX_MANIFEST_BYTES + 1))


def test_nesting_without_end_is_refused() -> None:
    assert "nested" in fault(SMALLEST + "tags = " + "[" * 60_000).message


def test_a_schema_too_large_is_refused() -> None:
    text = SMALLEST + "[config_schema]\ndescription = '" + "\t" * 40_000 + "'"

    assert fault(text).path == "config_schema"


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(
        lambda text: SMALLEST.encode() + text.encode("utf-8", "surrogatepass")
    )
)
def test_whatever_the_bytes_the_answer_is_a_manifest_or_a_named_fault(source: bytes) -> None:
    with contextlib.suppress(InvalidManifest):
        parse_manifest(source)


@pytest.mark.parametrize(
    "key",
    [
        ".".join("a" * (MAX_KEY_PARTS + 1)),
        " . ".join("a" * 15_000),
        ".".join(['"a.b"', "'c'", "d"] * 1_000),
        '"\\"".' * 20 + "a",
    ],
)
@pytest.mark.parametrize(
    "form",
    ["{} = 1", "[{}]", "[[{}]]", "x = {{ {} = 1 }}", "y = '''\n'''\nx = [{{ {} = 1 }}]"],
)
def test_a_key_of_many_parts_is_refused_with_its_line_before_it_is_parsed(
    key: str, form: str
) -> None:
    text = SMALLEST + "# a.b\n" + form.format(key)
    tracemalloc.start()
    try:
        found = fault(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert "parts" in found.message
    assert found.line == text.count("\n") + 1
    assert peak < 2_000_000


DOTS = ".".join("a" * 500)


@pytest.mark.parametrize(
    "text",
    [
        f'description = "{DOTS}"',
        f'description = "\\"{DOTS}"',
        f"description = '{DOTS}'",
        f'description = """\n"{DOTS}" "" \\""" {DOTS}"""',
        f"description = '''\n'{DOTS}' '' {DOTS}'''",
        f"# {DOTS} isn't a key",
        f"description = 'x' # \"{DOTS}",
        "default_config." + ".".join("a" * (MAX_KEY_PARTS - 1)) + " = 1",
        "default_config.x = [" + "1.5, " * 100 + "]",
    ],
)
def test_dots_in_strings_comments_and_numbers_are_no_parts_of_keys(text: str) -> None:
    parse_manifest((SMALLEST + text).encode())


@pytest.mark.parametrize("digits", ["9" * 4_301, "-" + "9" * 60_000, "1_" * 4_301 + "1"])
@pytest.mark.parametrize("name", ["x", "name", "default_config.n"])
def test_an_integer_of_thousands_of_digits_is_refused_with_its_line(name: str, digits: str) -> None:
    assert fault(f'version = "1.0.0"\n{name} = {digits}').line == 2


@pytest.mark.parametrize(
    "field",
    [
        "health_check.interval_seconds",
        "sandbox_level",
        "name",
        "tags",
        "default_config.n",
        "config_schema.maximum",
        "permissions",
    ],
)
def test_a_huge_hexadecimal_integer_is_refused_wherever_it_stands(field: str) -> None:
    fault(f"version = '1.0.0'\n{field} = 0x" + "f" * 20_000)


@pytest.mark.parametrize(("opening", "closing"), ["[]", ("{a=", "}")])
@pytest.mark.parametrize("depth", [65, 300, 5_000])
def test_nested_arrays_and_inline_tables_are_bounded(
    opening: str, closing: str, depth: int
) -> None:
    fault(SMALLEST + "default_config.x = " + opening * depth + "1" + closing * depth)


def test_a_long_name_above_many_values_is_refused_in_little_memory() -> None:
    text = SMALLEST + "[default_config]\n" + "k" * 30_000 + " = [" + "1," * 16_000 + "]"
    tracemalloc.start()
    try:
        found = fault(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found.path == "default_config"
    assert peak < 5_000_000


def test_a_fault_in_a_key_of_any_length_is_told_in_a_sentence() -> None:
    assert len(fault(SMALLEST + "k" * 60_000 + " = 1").message) < 600
    assert len(fault(SMALLEST + ("[" + "k" * 30_000 + "]\n") * 2).message) < 600


def test_every_fault_is_told_with_its_path_and_line_the_first_in_the_message() -> None:
    found = fault(
        """name = "Counter"
version = "1"

[[permissions]]
permission = "kv:read"
reason = "Reads."

[[permissions]]
permission = "kv:reed"

[health_check]
interval_seconds = 0
intervall = 5

[dependencies]
markdown = "latest"
"""
    )

    assert [(each.path, each.line) for each in found.faults] == [
        ("name", 1),
        ("version", 2),
        ("permissions[1].reason", 8),
        ("permissions[1].permission", 9),
        ("health_check.interval_seconds", 12),
        ("health_check.intervall", 13),
        ("dependencies.markdown", 16),
    ]
    assert (found.path, found.line) == ("name", 1)
    assert found.message.startswith("plugin.toml:1: name must be lower-case words")
    assert "did you mean 'interval_seconds'" in found.faults[5].message
    assert found.details()["faults"][2] == {
        "message": "permissions[1].reason is missing.",
        "path": "permissions[1].reason",
        "line": 8,
    }


def test_a_field_that_is_missing_altogether_is_missed_on_the_first_line() -> None:
    assert [(each.path, each.line) for each in fault("# nothing\n").faults] == [
        ("name", 1),
        ("version", 1),
    ]


def test_of_many_faults_some_are_told() -> None:
    found = fault(SMALLEST + "".join(f"x{number} = 1\n" for number in range(3_000)))

    assert len(found.faults) == MAX_FAULTS
    assert found.faults[-1].line == 2 + MAX_FAULTS


@pytest.mark.parametrize(
    "character",
    ["\x1b", "\x07", "\x00", "\x9b", "\u202e", "\u2066", "\u200b", "\u200f", "\ufeff", "\u2028",
     "\u2029", "\u00ad", "\u061c", "\U000e0041", "\x7f"],
)  # fmt: skip
@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('description = "a{}b"', "description"),
        ('author = "{}"', "author"),
        ('license = "{}"', "license"),
        ('required_scopes = ["{}"]', "required_scopes[0]"),
        ('permissions = [{{ permission = "kv:read", reason = "{}" }}]', "permissions[0].reason"),
        ('ui_components = [{{ name = "a", entry = "ui/a", title = "{}" }}]', "ui_components[0]"),
        ('webhooks = [{{ name = "a", recipe = "github", description = "{}" }}]', "webhooks[0]"),
        ('oauth = [{{ provider = "a", scopes = ["{}"] }}]', "oauth[0].scopes[0]"),
        ('migration_scripts = [{{ from_version = "1.0.0", to_version = "2.0.0", '
         'description = "{}" }}]', "migration_scripts[0].description"),
        ('config_schema.title = "{}"', "config_schema"),
        ('config_schema.properties."{}".type = "string"', "config_schema"),
        ('default_config.a = ["{}"]', "default_config"),
        ('default_config.a."{}" = 1', "default_config"),
        ('"na{}me" = 1', "na"),
    ],
)  # fmt: skip
def test_what_does_not_show_as_what_it_is_is_refused_in_every_text(
    text: str, path: str, character: str
) -> None:
    found = fault(SMALLEST + text.format(f"\\U{ord(character):08x}"))

    assert (found.path or "").startswith(path)
    assert found.line == 3
    assert character not in found.message


@pytest.mark.parametrize(
    "text", ["Zoë \u05d0\u05d1 \u0645\u06cc\u200c\u062e", "a\nb\tc", "👩\u200d🌾"]
)
def test_prose_of_every_script_is_taken(text: str) -> None:
    source = SMALLEST + f'description = """{text}"""\n[default_config]\nx = """{text}\\r"""'

    assert parse_manifest(source.encode()).description == text


@pytest.mark.parametrize("field", ["author", "license"])
def test_what_is_one_line_to_people_has_no_second_one(field: str) -> None:
    assert fault(SMALLEST + f'{field} = "me\\nGranted: everything"').path == field


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[dependencies]\ncounter = '*'", "itself"),
        ("[dependencies]\nmarkdown = '>=2, <1'", "cannot be"),
        (2 * "[[webhooks]]\nname = 'a'\nrecipe = 'github'\n", "twice"),
        (2 * "[[ui_components]]\nname = 'a'\nentry = 'ui/a'\n", "twice"),
        (2 * "[[oauth]]\nprovider = 'a'\n", "twice"),
        (2 * "[[api_endpoints]]\npath = '/a'\nfunction = 'b'\n", "twice"),
        ("[[api_endpoints]]\npath = 'a'\nfunction = 'b'\n", "starts with '/'"),
        ("[[oauth]]\nprovider = 'a'\ntoken_url = 'javascript:x'\n", "https"),
    ],
)
def test_what_contradicts_itself_is_refused(text: str, reason: str) -> None:
    assert reason in fault(SMALLEST + text).message


def test_a_manifest_does_not_change() -> None:
    manifest = parse_manifest(SMALLEST.encode())

    with pytest.raises(ValidationError, match="frozen"):
        manifest.name = "other"  # type: ignore[misc]


def test_a_fault_found_later_gets_its_line_too() -> None:
    source = FULL.encode()

    with pytest.raises(InvalidManifest) as caught, located(source):
        raise InvalidManifest("Too low.", path="config_schema.properties.limit.minimum")

    assert caught.value.line == 28
    assert caught.value.message == (
        "plugin.toml:28: config_schema.properties.limit.minimum: Too low."
    )

    with pytest.raises(InvalidManifest, match=r"^Damaged") as caught, located(source):
        raise InvalidManifest("Damaged.", path="digests.json")
    assert caught.value.line is None


CUSTOM = """
[[webhooks]]
name = "slack"
recipe = "custom"
credential = "slack-key"
tolerance_seconds = 60

[webhooks.signature]
header = "x-slack-signature"
prefix = "v0="
separator = ","
signed = "v0:{timestamp}:{body}"

[webhooks.timestamp]
header = "x-slack-request-timestamp"
"""


def test_a_custom_recipe_is_what_the_manifest_writes_out() -> None:
    (webhook,) = parse_manifest((SMALLEST + CUSTOM).encode()).webhooks
    recipe = webhook.written()

    assert recipe.signature.header == "x-slack-signature"
    assert (recipe.signature.prefix, recipe.signature.separator) == ("v0=", ",")
    assert (recipe.signature.algorithm, recipe.signature.encoding) == ("sha256", "hex")
    assert recipe.timestamp is not None
    assert recipe.timestamp.tolerance_seconds == 60
    assert recipe.delivery_id is None
    assert webhook.verified_with == "slack-key"


def test_a_webhook_s_credential_is_that_of_its_name_unless_it_says_another() -> None:
    (webhook,) = parse_manifest(
        (SMALLEST + "webhooks = [{ name = 'github', recipe = 'github' }]").encode()
    ).webhooks

    assert webhook.verified_with == "github"
    assert webhook.surface == "github:github:github"


def test_a_recipe_that_is_written_otherwise_is_another_to_who_reviews_it() -> None:
    first, *others = (
        parse_manifest((SMALLEST + CUSTOM.replace(*change)).encode()).webhooks[0].surface
        for change in (
            ("", ""),
            ("v0:{timestamp}:{body}", "{timestamp}{body}"),
            ("tolerance_seconds = 60", "tolerance_seconds = 600"),
            ('prefix = "v0="', 'prefix = "v1="'),
            ('credential = "slack-key"', 'credential = "other"'),
        )
    )

    assert first not in others
    assert first.startswith("slack:custom-")


@pytest.mark.parametrize(
    ("change", "path", "reason"),
    [
        (("{timestamp}", "{time}"), "webhooks[0].signature.signed", "{time}"),
        (("{timestamp}", ""), "webhooks[0].signature.signed", "lacks {timestamp}"),
        (("{body}", "{timestamp}"), "webhooks[0].signature.signed", "lacks {body}"),
        (("{body}", "{{body}}"), "webhooks[0].signature.signed", "brace"),
        (("{body}", "{id}{body}"), "webhooks[0].delivery_id", "no `header`"),
        (('recipe = "custom"', 'recipe = "github"'), "webhooks[0].signature", "`custom`"),
        (('recipe = "custom"', 'recipe = "git"'), "webhooks[0].recipe", "'github'"),
        (('header = "x-slack-signature"', ""), "webhooks[0].signature.header", "missing"),
        (('"x-slack-signature"', '"X-Slack"'), "webhooks[0].signature.header", "lower case"),
        (("= 60", "= 4000"), "webhooks[0].tolerance_seconds", "3600"),
        (('"slack-key"', '"Slack Key"'), "webhooks[0].credential", "lower-case"),
        (("= 60", "= 60\nevent = 'orders.new'"), "webhooks[0].event", "events:publish:orders.new"),
        (("= 60", "= 60\nevent = 'Orders'"), "webhooks[0].event", "topic"),
    ],
)
def test_a_recipe_that_verifies_nothing_is_refused_where_it_is_wrong(
    change: tuple[str, str], path: str, reason: str
) -> None:
    text = SMALLEST + CUSTOM.replace(*change)

    found = fault(text)

    assert found.path == path
    assert reason in str(found)
    assert found.line is not None


def test_a_recipe_without_its_signature_or_moment_is_refused() -> None:
    head = "[[webhooks]]\nname = 'a'\nrecipe = '{}'\n"
    assert fault(SMALLEST + head.format("custom")).path == "webhooks[0].signature"
    timed = head.format("github") + "tolerance_seconds = 5\n"
    assert fault(SMALLEST + timed).path == "webhooks[0].tolerance_seconds"
    signed = head.format("custom") + "signature = { header = 'a', signed = '{timestamp}{body}' }\n"
    assert fault(SMALLEST + signed).path == "webhooks[0].timestamp"
    for place in ("{}", "{ header = 'a', pointer = '/a' }"):
        both = head.format("custom") + f"signature = {{ header = 'a' }}\ndelivery_id = {place}\n"
        assert fault(SMALLEST + both).path == "webhooks[0].delivery_id"


def test_a_webhook_that_becomes_an_event_takes_the_permission_to_publish_it() -> None:
    asking = "[[permissions]]\npermission = 'events:publish:orders.*'\nreason = 'x'\n"
    webhook = "[[webhooks]]\nname = 'a'\nrecipe = 'github'\nevent = 'orders.new'\n"

    (found,) = parse_manifest((SMALLEST + asking + webhook).encode()).webhooks

    assert str(found.publishing()) == "events:publish:orders.new"
