"""Lists that stand in one cell of text: a cell comes in, its values go out.

`features.raw` reads them so for training and serving, `training.init.lists` to find out whether a column holds them.
"""

import json
import re

_STRING = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_ITEM = re.compile(rf"{_STRING}|None|True|False|nan|[-+]?[0-9][0-9.eE+-]*")
_PRINTED = re.compile(rf"\[\s*(?:(?:{_ITEM.pattern})(?:\s*,\s*(?:{_ITEM.pattern}))*)?\s*\]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_WORDS = {"None": None, "nan": None, "True": True, "False": False}


def list_from_text(cell: str) -> list[object] | None:
    """A JSON list, or one as Python prints it, such as ``['red', "it's", None]``; None for any other text."""
    try:
        values = json.loads(cell)
    except (json.JSONDecodeError, RecursionError):
        return _printed(cell.strip())
    return values if isinstance(values, list) else None


def _printed(cell: str) -> list[object] | None:
    return [_value(item) for item in _ITEM.findall(cell)] if _PRINTED.fullmatch(cell) else None


def _value(item: str) -> object:
    if item[0] in "'\"":
        return _ESCAPED.sub(r"\1", item[1:-1])
    return _WORDS.get(item, item)
