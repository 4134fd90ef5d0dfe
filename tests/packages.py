"""`.wardian` packages made of a component and a few lines of manifest."""

from __future__ import annotations

from wardian.plugins.archive import write_archive

KEY = "wdn_" + "k" * 43
"""An administrator's key, chosen for a test host."""


def manifest(name: str, extra: str = "", version: str = "1.0.0") -> str:
    """A manifest with only what is required, and ``extra`` lines."""
    return f'name = "{name}"\nversion = "{version}"\ndescription = "A test"\n{extra}\n'


def package(name: str, component: bytes, extra: str = "", version: str = "1.0.0") -> bytes:
    """The bytes of a package; the same for the same."""
    text = manifest(name, extra, version)
    return write_archive({"plugin.toml": text.encode(), "plugin.wasm": component})


ASKING = """
[[permissions]]
permission = "kv:read"
reason = "Reads."

[[permissions]]
permission = "events:publish:orders.*"
reason = "Tells."
"""
"""Two permissions to ask for."""
