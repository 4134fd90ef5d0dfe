"""Configuration: what a manifest gives as defaults, and what an operator set over them."""

from wardian.config.schema import ConfigSchema
from wardian.config.values import MAX_CONFIG_BYTES, check_values, lookup, overlaid

__all__ = ["MAX_CONFIG_BYTES", "ConfigSchema", "check_values", "lookup", "overlaid"]
