"""Modules that the standard library imports only when one of its functions is called.

A plugin is a snapshot taken after importing, and there is nothing to import from afterwards:
`Counter.most_common(3)` would end the call for want of `heapq`. The build imports these before
the plugin, so that an author need not know which functions do so.
"""

import _strptime  # type: ignore[import-not-found]  # private, so that it has no stub
import calendar
import copy
import encodings.ascii
import encodings.cp1252
import encodings.idna
import encodings.latin_1
import encodings.punycode
import encodings.utf_8_sig
import encodings.utf_16
import encodings.utf_16_be
import encodings.utf_16_le
import encodings.utf_32
import heapq
import locale
import textwrap

__all__ = ["_strptime", "calendar", "copy", "encodings", "heapq", "locale", "textwrap"]
