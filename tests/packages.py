"""`.wardian` packages made of a component and a few lines of manifest."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZipFile

KEY = "wdn_" + "k" * 43
"""An administrator's key, chosen for a test host."""


def manifest(name: str, extra: str = "", version: str = "1.0.0") -> str:
    """A manifest with only what is required, and ``extra`` lines."""
    return f'name = "{name}"\nversion = "{version}"\ndescription = "A test"\n{extra}\n'


def package(name: str, component: bytes, extra: str = "", version: str = "1.0.0") -> bytes:
    """The bytes of a package."""
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        archive.writestr("plugin.toml", manifest(name, extra, version))
        archive.writestr("plugin.wasm", component)
    return buffer.getvalue()


ASKING = """
[[permissions]]
permission = "kv:read"
reason = "Reads."

[[permissions]]
permission = "events:publish:orders.*"
reason = "Tells."
"""
"""Two permissions to ask for."""
