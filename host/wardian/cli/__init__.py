"""``wardian …``: one module per noun, the same verbs as the API."""

from __future__ import annotations

from typing import Annotated

import typer

from wardian import __version__
from wardian.cli import (
    components,
    config,
    demo,
    doctor,
    functions,
    grants,
    keys,
    plugins,
    projects,
    serve,
    tenants,
)
from wardian.cli.group import Commands
from wardian.cli.streams import standard_streams

__all__ = ["application", "main"]


def main() -> None:
    """Run the command line."""
    with standard_streams():
        application()()


def application() -> typer.Typer:
    """Put the commands together."""
    app = _group(_HELP)
    app.callback(help=_HELP)(_options)
    app.command("serve", rich_help_panel=_HOST)(serve.serve)
    app.command("demo", rich_help_panel=_HOST)(demo.demo)
    app.command("doctor", rich_help_panel=_HOST)(doctor.doctor)
    app.command("new", rich_help_panel=_AUTHOR)(projects.new)
    app.command("build", rich_help_panel=_AUTHOR)(projects.build)
    app.command("pack", rich_help_panel=_AUTHOR)(projects.pack)
    app.command("inspect", rich_help_panel=_AUTHOR)(components.inspect)
    app.command("run", rich_help_panel=_AUTHOR)(components.run)
    app.command("install", rich_help_panel=_PLUGINS)(plugins.install)
    app.command("uninstall", rich_help_panel=_PLUGINS)(plugins.uninstall)
    app.command("list", rich_help_panel=_PLUGINS)(plugins.list_plugins)
    app.command("show", rich_help_panel=_PLUGINS)(plugins.show)
    app.command("enable", rich_help_panel=_PLUGINS)(plugins.enable)
    app.command("disable", rich_help_panel=_PLUGINS)(plugins.disable)
    app.command("call", rich_help_panel=_PLUGINS)(functions.call)
    app.command("grants", rich_help_panel=_PLUGINS)(grants.grants)
    app.command("grant", rich_help_panel=_PLUGINS)(grants.grant)
    app.command("revoke", rich_help_panel=_PLUGINS)(grants.revoke)
    app.add_typer(_config(), name="config", rich_help_panel=_PLUGINS)
    app.add_typer(_keys(), name="keys", rich_help_panel=_HOST)
    app.add_typer(_tenants(), name="tenants", rich_help_panel=_HOST)
    return app


_HELP = "Run plugins written by strangers, each with exactly the authority you grant."
_HOST = "The host"
_PLUGINS = "Plugins of a host (WARDIAN_URL, WARDIAN_API_KEY)"
_AUTHOR = "Writing plugins"


def _config() -> typer.Typer:
    group = _group("A plugin's configuration.")
    group.command("get")(config.get)
    group.command("set")(config.set_values)
    return group


def _keys() -> typer.Typer:
    group = _group("API keys of the tenant.")
    group.command("list")(keys.list_keys)
    group.command("create")(keys.create)
    group.command("revoke")(keys.revoke)
    return group


def _tenants() -> typer.Typer:
    group = _group("Tenants of the host.")
    group.command("list")(tenants.list_tenants)
    group.command("create")(tenants.create)
    return group


def _group(text: str) -> typer.Typer:
    # Typer's own tracebacks show local variables, and these may hold a key.
    return typer.Typer(
        cls=Commands, help=text, no_args_is_help=True, pretty_exceptions_enable=False
    )


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_version),
    ] = False,
) -> None:
    """What every command has before it."""
