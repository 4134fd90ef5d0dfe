"""``wardian …``: one module per noun, the same verbs as the API."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from wardian import __version__
from wardian.cli.announced import announce
from wardian.cli.environment import complaints
from wardian.cli.group import Commands, NamedCommands, ShownCommands
from wardian.cli.streams import standard_streams

__all__ = ["application", "main"]

_HELP = "Run plugins written by strangers, each with exactly the authority you grant."
_HOST = "The host"
_PLUGINS = "Plugins of a host (WARDIAN_URL, WARDIAN_API_KEY)"
_AUTHOR = "Writing plugins"

# A command, where its function is in this package, and what help lists it under.
_COMMANDS = (
    ("serve", "serve.serve", _HOST),
    ("demo", "demo.command.demo", _HOST),
    ("doctor", "doctor.doctor", _HOST),
    ("new", "projects.new", _AUTHOR),
    ("dev", "dev.command.dev", _AUTHOR),
    ("build", "projects.build", _AUTHOR),
    ("validate", "validate.validate", _AUTHOR),
    ("pack", "projects.pack", _AUTHOR),
    ("keygen", "signing.keygen", _AUTHOR),
    ("sign", "signing.sign", _AUTHOR),
    ("verify", "signing.verify", _AUTHOR),
    ("inspect", "components.inspect", _AUTHOR),
    ("run", "components.run", _AUTHOR),
    ("compat", "compatibility.compat", _AUTHOR),
    ("review", "reviews.review_source", _PLUGINS),
    ("install", "plugins.install", _PLUGINS),
    ("uninstall", "plugins.uninstall", _PLUGINS),
    ("upgrade", "upgrades.upgrade", _PLUGINS),
    ("rollback", "upgrades.rollback", _PLUGINS),
    ("versions", "upgrades.versions", _PLUGINS),
    ("list", "plugins.list_plugins", _PLUGINS),
    ("show", "plugins.show", _PLUGINS),
    ("health", "health.health", _PLUGINS),
    ("deps", "dependencies.deps", _PLUGINS),
    ("enable", "plugins.enable", _PLUGINS),
    ("disable", "plugins.disable", _PLUGINS),
    ("call", "functions.call", _PLUGINS),
    ("mcp", "mcp.mcp", _PLUGINS),
    ("grants", "grants.grants", _PLUGINS),
    ("grant", "grants.grant", _PLUGINS),
    ("revoke", "grants.revoke", _PLUGINS),
    ("record", "recordings.record", _PLUGINS),
    ("replay", "replays.replay", _PLUGINS),
    ("analytics", "analytics.analytics", _PLUGINS),
    ("top", "top.top", _PLUGINS),
    ("logs", "following.logs", _PLUGINS),
)

# A group of commands, its help, what help lists it under, and its commands.
_GROUPS = (
    (
        "config",
        "Configurations: values in layers, of a plugin or tenant-wide.",
        _PLUGINS,
        {
            "get": "config.get",
            "set": "config.set_values",
            "unset": "config.unset",
            "validate": "config.validate",
            "explain": "config_history.explain",
            "history": "config_history.history",
            "revert": "config_history.revert",
            "reload": "config_history.reload",
        },
    ),
    (
        "permissions",
        "Permissions of a plugin: what it asks for, what it uses, what it needs.",
        _PLUGINS,
        {
            "show": "permissions.show",
            "monitor": "permissions.monitor",
            "uses": "permissions.uses",
            "suggest": "permissions.suggest",
            "clear": "permissions.clear",
        },
    ),
    (
        "oauth",
        "Connections of a plugin to OAuth providers, whose tokens the host keeps.",
        _PLUGINS,
        {
            "connect": "oauth.connect_provider",
            "status": "oauth.status",
            "disconnect": "oauth.disconnect",
        },
    ),
    (
        "trust",
        "What the tenant does about unsigned packages and expired lists of revocations.",
        _PLUGINS,
        {"show": "trust.show", "set": "trust.set_policy"},
    ),
    (
        "publishers",
        "Whom the tenant trusts to sign plugins, and their keys.",
        _PLUGINS,
        {
            "list": "publishers.list_publishers",
            "show": "publishers.show",
            "add": "publishers.add",
            "remove": "publishers.remove",
            "add-key": "publishers.add_key",
            "retire-key": "publishers.retire_key",
            "revoke-key": "publishers.revoke_key",
            "rotate": "publishers.rotate",
        },
    ),
    (
        "revocations",
        "What must not run any more: the operator's revocations, and publishers' lists.",
        _PLUGINS,
        {
            "list": "revocations.list_revocations",
            "add": "revocations.add",
            "remove": "revocations.remove",
            "sign": "revocations.sign",
            "upload": "revocations.upload",
        },
    ),
    (
        "credential",
        "Credentials that plugins use and never see.",
        _PLUGINS,
        {
            "set": "credentials.set_credential",
            "list": "credentials.list_credentials",
            "show": "credentials.show",
            "remove": "credentials.remove",
        },
    ),
    (
        "kv",
        "What a plugin keeps in key-value storage: looked at, exported, cleared.",
        _PLUGINS,
        {
            "show": "kv.show",
            "keys": "kv.list_keys",
            "get": "kv.get",
            "export": "kv.export",
            "clear": "kv.clear",
        },
    ),
    (
        "rows",
        "What plugins keep beside rows of the host's and of host apps'.",
        _PLUGINS,
        {
            "kinds": "rows.kinds",
            "list": "rows.list_rows",
            "show": "rows.show",
            "set": "rows.set_row",
            "remove": "rows.remove",
            "migrate": "rows.migrate",
        },
    ),
    (
        "events",
        "Events: published, listed and followed; which plugins receive them, and dead letters.",
        _PLUGINS,
        {
            "list": "events.list_events",
            "tail": "events.tail",
            "publish": "events.publish",
            "subscribers": "events.subscribers",
            "pause": "events.pause",
            "resume": "events.resume",
            "dead": "events.dead",
            "requeue": "events.requeue",
            "discard": "events.discard",
        },
    ),
    (
        "webhooks",
        "Webhooks: endpoints of host apps that events are posted to, signed.",
        _PLUGINS,
        {
            "list": "webhooks.list_endpoints",
            "add": "webhooks.add",
            "show": "webhooks.show",
            "change": "webhooks.change",
            "remove": "webhooks.remove",
            "enable": "webhooks.enable",
            "disable": "webhooks.disable",
            "ping": "webhooks.ping",
            "rotate": "webhooks.rotate",
            "attempts": "webhooks.attempts",
            "dead": "webhooks.dead",
            "requeue": "webhooks.requeue",
            "discard": "webhooks.discard",
        },
    ),
    (
        "schedules",
        "What plugins have the host do by itself: when it runs next, and how it went.",
        _PLUGINS,
        {
            "list": "schedules.list_schedules",
            "runs": "schedules.runs",
            "pause": "schedules.pause",
            "resume": "schedules.resume",
            "run": "schedules.run",
        },
    ),
    (
        "enhancements",
        "What the host does around functions: rates, kept answers, attempts, timeouts.",
        _PLUGINS,
        {"show": "enhancements.show", "empty-cache": "enhancements.empty"},
    ),
    (
        "jobs",
        "Jobs: calls that were not waited for (`wardian call --async`).",
        _PLUGINS,
        {
            "list": "jobs.list_jobs",
            "show": "jobs.show",
            "wait": "jobs.wait",
            "cancel": "jobs.cancel",
            "stream": "jobs.stream",
        },
    ),
    (
        "agents",
        "Agents: plugins that answer questions; asked, judged, and what they may cost.",
        _PLUGINS,
        {
            "list": "agents.list_agents",
            "show": "agents.show",
            "set": "agents.set_agent",
            "ask": "asking.ask",
            "explain": "asking.explain",
            "asks": "asks.list_asks",
            "feedback": "asks.feedback",
            "rules": "agent_policies.rules",
            "budget": "agent_policies.budget",
            "trial": "trials.trial",
        },
    ),
    (
        "hooks",
        "Webhooks that plugins receive: their addresses, and what came of requests.",
        _PLUGINS,
        {"list": "hooks.list_hooks", "show": "hooks.show"},
    ),
    (
        "vault",
        "The vault that credentials are in: sealed or open, and its keys.",
        _HOST,
        {
            "status": "vault.status",
            "open": "vault.open_vault",
            "rotate": "vault.rotate",
            "rekey": "vault.rekey",
        },
    ),
    (
        "keys",
        "API keys of the tenant.",
        _HOST,
        {
            "list": "keys.list_keys",
            "create": "keys.create",
            "change": "keys.change",
            "rotate": "keys.rotate",
            "revoke": "keys.revoke",
        },
    ),
    (
        "audit",
        "The audit trail: who did what, from where, and what was refused.",
        _HOST,
        {"list": "audit.list_entries", "export": "audit.export", "verify": "audit.verify"},
    ),
    (
        "tenants",
        "Tenants of the host.",
        _HOST,
        {
            "list": "tenants.list_tenants",
            "create": "tenants.create",
            "limits": "tenants.limits",
        },
    ),
    (
        "quotas",
        "Quotas of a day: what a tenant may use, and what it has used.",
        _HOST,
        {"show": "quotas.show", "set": "quotas.set_quotas"},
    ),
    (
        "recordings",
        "Recorded calls of a plugin: `recordings NAME` lists them.",
        _PLUGINS,
        {
            "list": "recordings.list_recordings",
            "show": "recordings.show",
            "export": "recordings.export",
            "remove": "recordings.remove",
        },
    ),
)

_NAMED = ("recordings",)
"""Groups that list what they are given a name instead of a command."""

_SHOWN = ("quotas",)
"""Groups that show what they are about without a command."""

_LOGGING = ("serve", "demo", "dev")
"""Commands whose standard error is a log, which has the warnings of others."""


def main() -> None:
    """Run the command line."""
    with standard_streams():
        application(sys.argv[1:])()


def application(arguments: Sequence[str] = ()) -> typer.Typer:
    """Put the commands together: the one that ``arguments`` begin with, or else all of them."""
    app = _group(_HELP)
    app.callback(help=_HELP)(_options)
    commands = [each for each in _COMMANDS if each[0] in arguments[:1]]
    groups = [each for each in _GROUPS if each[0] in arguments[:1]]
    if not commands and not groups:
        commands, groups = list(_COMMANDS), list(_GROUPS)
    for name, place, panel in commands:
        announce(app, name, place, panel)
    for name, text, panel, members in groups:
        group = _group(text, _kind_of(name))
        for member, place in members.items():
            announce(group, member, place)
        app.add_typer(group, name=name, rich_help_panel=panel)
    return app


def _kind_of(group: str) -> type[Commands]:
    if group in _SHOWN:
        return ShownCommands
    return NamedCommands if group in _NAMED else Commands


def _group(text: str, kind: type[Commands] = Commands) -> typer.Typer:
    # Typer's own tracebacks show local variables, and these may hold a key.
    return typer.Typer(cls=kind, help=text, no_args_is_help=True, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_version),
    ] = False,
) -> None:
    """What every command has before it."""
    if context.invoked_subcommand not in _LOGGING:
        for complaint in complaints(os.environ):
            typer.echo(f"warning: {complaint}", err=True)
