"""Parts of an answer that are no text, tool calls above all: joined as they come, and read for their texts.

What a stream gives in parts is joined by the same rules for a whole answer and for the guard. The arguments
of a call are JSON within a string; what is judged is what stands in it, whatever is escaped there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_UNREAD = frozenset({"id", "type", "index", "tool_call_id"})
"""Names that programs give to parts, in which nobody says anything."""


def joined(before: Any, delta: Any) -> Any:
    """Join what a stream gives in parts: texts are joined, lists by the ``index`` of their items."""
    if before is None:
        before = [] if isinstance(delta, list) else {} if isinstance(delta, dict) else ""
    if isinstance(before, str) and isinstance(delta, str):
        return before + delta
    if isinstance(before, dict) and isinstance(delta, dict):
        # Names of a call come once; its arguments in parts.
        whole = dict(before)
        for name, value in delta.items():
            is_part = name == "arguments" or isinstance(value, dict)
            whole[name] = joined(whole.get(name), value) if is_part else value
        return whole
    if isinstance(before, list) and isinstance(delta, list):
        return _joined_lists(before, delta)
    return delta


def indexed(items: Iterable[Any]) -> list[Any]:
    """Give the items of a whole list as a stream would: each with its ``index``."""
    return [
        {"index": number, **item} if isinstance(item, Mapping) else item
        for number, item in enumerate(items)
    ]


def rewritten(value: Any, change: Callable[[str], str]) -> Any:
    """Give what stands beside a text with every text in it changed, also within the JSON of ``arguments``.

    Args:
        value: Plain data.
        change: Text → text; also shown numbers, which become texts where they are changed.
    """
    match value:
        case dict():
            return {
                name: _rewritten_json(item, change)
                if name == "arguments" and isinstance(item, str)
                else item
                if name in _UNREAD
                else rewritten(item, change)
                for name, item in value.items()
            }
        case list() | tuple():
            return [rewritten(item, change) for item in value]
        case _:
            return _rewritten_leaf(value, change)


def _rewritten_json(text: str, change: Callable[[str], str]) -> str:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return change(text)
    made = _rewritten_tree(tree, change)
    return text if made == tree else json.dumps(made, ensure_ascii=False)


def _rewritten_tree(tree: Any, change: Callable[[str], str]) -> Any:
    """Change every text of what a tool is called with, whatever its name is."""
    match tree:
        case dict():
            return {change(name): _rewritten_tree(item, change) for name, item in tree.items()}
        case list():
            return [_rewritten_tree(item, change) for item in tree]
        case _:
            return _rewritten_leaf(tree, change)


def _rewritten_leaf(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    said = change(str(value))
    return value if said == str(value) else said


def _joined_lists(before: list[Any], delta: list[Any]) -> list[Any]:
    whole = list(before)
    for item in delta:
        if not isinstance(item, dict):
            whole.append(item)
            continue
        place = item.get("index", len(whole))
        while len(whole) <= place:
            whole.append({})
        plain = {name: value for name, value in item.items() if name != "index"}
        whole[place] = joined(whole[place], plain)
    return whole
