"""Imports that several guests have, as WebAssembly text."""

from __future__ import annotations

TYPES_AND_KV = """
  (import "wardian:plugin/types@1.0.0" (instance $types
    (type $e (variant (case "denied" string) (case "not-found" string) (case "invalid" string)
      (case "exhausted" string) (case "unavailable" string)))
    (export "error" (type (eq $e)))))
  (alias export $types "error" (type $error))
  (import "wardian:plugin/kv@1.0.0" (instance $kv
    (alias outer 1 $error (type $e))
    (export "error" (type $error (eq $e)))
    (export "increment" (func (param "key" string) (param "by" s64)
      (result (result s64 (error $error)))))))
"""
"""The contract's ``error`` as the type ``$error``, and ``kv``'s ``increment``."""
