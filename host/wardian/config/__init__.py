"""Configuration: layers of values, what they come to, and what of them is not allowed."""

from wardian.config.layers import configured, given
from wardian.config.schema import ConfigSchema
from wardian.config.values import MAX_CONFIG_BYTES, check_values, lookup, overlaid

__all__ = [
    "MAX_CONFIG_BYTES",
    "ConfigSchema",
    "check_values",
    "configured",
    "given",
    "lookup",
    "overlaid",
]
