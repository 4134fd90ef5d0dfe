"""Digests, keys and identifiers: the only package that knows cryptography."""
