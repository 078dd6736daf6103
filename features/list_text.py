"""Lists that stand in one cell of text: a cell comes in, its values go out.

`features.raw` reads them so for training, serving and `axon init`.
"""

import ast
import json
import re

_ESCAPE = r"\\(?:[\\'\"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4})"
_STRING = rf"""'(?:[^'\\\n]|{_ESCAPE})*'|"(?:[^"\\\n]|{_ESCAPE})*\""""
_ITEM = re.compile(rf"{_STRING}|None|True|False|nan|[-+]?[0-9][0-9.eE+-]{{0,160}}")
# What has been taken as space is never given back: a long run of it would be tried in as many ways.
_PRINTED = re.compile(rf"\[\s*+(?:(?:{_ITEM.pattern})(?:\s*+,\s*+(?:{_ITEM.pattern}))*+)?\s*+\]")
_WORDS = {"None": None, "nan": None, "True": True, "False": False}


def list_from_text(cell: str) -> list[object] | None:
    """A JSON list, or one as Python prints it, such as ``['red', "it's", None]``; None for any other text."""
    try:
        values = json.loads(cell)
    except (ValueError, RecursionError):  # no JSON, a number without end, or nesting without end
        return _printed(cell.strip())
    return values if isinstance(values, list) else None


def _printed(cell: str) -> list[object] | None:
    return [_value(item) for item in _ITEM.findall(cell)] if _PRINTED.fullmatch(cell) else None


def _value(item: str) -> object:
    if item[0] in "'\"":
        # It is one string with escapes that Python writes: nothing can run.
        return ast.literal_eval(item) if "\\" in item else item[1:-1]
    return _WORDS.get(item, item)
