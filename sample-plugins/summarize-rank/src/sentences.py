"""Where sentences end, in texts that end them with ``.``, ``!`` or ``?``, or their likes."""

import re

_ABBREVIATIONS = {
    "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "etc", "e.g", "i.e", "cf", "no", "vol",
    "fig", "gen", "col", "sen", "rep", "gov", "hon", "rev", "u.s", "u.k", "z.b", "d.h", "bzw", "ca",
}  # fmt: skip
"""They end with a full stop and no sentence."""

_END = re.compile(r"""[.!?。！？]+["'”’)\]]*|\n\s*\n""")
"""What closes a sentence, with quotation marks and brackets after it; or an empty line."""

_NEXT = re.compile(r"""[\s("'“‘\[]*(\S)""")
_LAST_WORD = re.compile(r"""[^\s(\["“]*\Z""")


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, white space squeezed."""
    found, start = [], 0
    for match in _END.finditer(text):
        if _ends(text, start, match):
            found.append(text[start : match.end()])
            start = match.end()
    squeezed = (" ".join(each.split()) for each in (*found, text[start:]))
    return [each for each in squeezed if each]


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    mark, end = text[match.start()], match.end()
    if mark == "\n":
        return True
    following = _NEXT.match(text, end)
    if following and following[1].islower():
        return False
    if end < len(text) and not text[end].isspace() and mark not in "。！？":
        return False
    if mark != ".":
        return True
    last = _LAST_WORD.search(text[max(start, match.start() - 20) : match.start()])
    word = last[0] if last else ""
    is_initial = len(word) == 1 and word.isupper() and word != "I"
    return not is_initial and word.lower() not in _ABBREVIATIONS
