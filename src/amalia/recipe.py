"""A recipe: one YAML file that fully says what a run does.

Precedence is the file, then ``KEY=VALUE`` from the command line, and nothing else: no environment, no
includes, no interpolation. Every problem of a recipe is reported at once, each with its path, the value
and what is allowed. Everything under ``run:`` is execution (devices, folders, workers) and is left out of
the fingerprint; everything else is identity.
"""

from __future__ import annotations

import copy
import difflib
import hashlib
import json
import math
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from amalia.errors import RecipeError

M = TypeVar("M", bound=BaseModel)


class Settings(BaseModel):
    """Root of every recipe and part of a recipe: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def load(path: Path, model: type[M], overrides: Sequence[str] = ()) -> M:
    """Read a recipe.

    Args:
        path: YAML file.
        model: What it must say.
        overrides: ``a.b=value`` items that replace or add a value; the value is read as YAML.

    Returns:
        The typed recipe.

    Raises:
        RecipeError: The file is missing, is not YAML, or says something invalid; all problems in one
            message, one a line.
    """
    return parse(overridden(read_yaml(path), overrides), model, name=str(path))


def overridden(tree: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Give a copy of a recipe tree with ``a.b=value`` items replaced or added."""
    changed = copy.deepcopy(dict(tree))
    for override in overrides:
        _override(changed, override)
    return changed


def parse(tree: Mapping[str, Any], model: type[M], *, name: str) -> M:
    """Check a plain mapping against a recipe model; ``name`` leads the error message."""
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        problems = [_explain(item, model, tree) for item in _distinct(error)]
        noun = "problem" if len(problems) == 1 else "problems"
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise RecipeError(f"{name} has {len(problems)} {noun}:{lines}") from error


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping, refusing duplicate keys, which YAML readers silently drop."""
    if not path.is_file():
        raise RecipeError(f"there is no recipe {path}; give the path of a YAML file")
    try:
        tree = yaml.load(path.read_text("utf-8"), Loader=_UniqueKeys)
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start}"
        ) from error
    except yaml.YAMLError as error:
        raise RecipeError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict):
        raise RecipeError(
            f"{path} holds {type(tree).__name__}; a recipe is a mapping of names to values"
        )
    return tree


def fingerprint(value: BaseModel | Mapping[str, Any], **more: str) -> str:
    """Digest what a run is, without how it is executed.

    Args:
        value: A recipe; its ``run`` key, if any, is left out.
        **more: Further identity, for example the fingerprints of inputs.

    Returns:
        16 hexadecimal characters.

    Raises:
        TypeError: A value has no stable form; nothing is ever turned into text silently.
    """
    tree = value.model_dump(mode="json") if isinstance(value, BaseModel) else dict(value)
    tree.pop("run", None)
    _refuse_unstable(tree)
    text = json.dumps([tree, dict(sorted(more.items()))], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _refuse_unstable(value: Any) -> None:
    # json would write the key 1 as "1" and nan as NaN.
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"key {key!r} has no stable form; use text")
            _refuse_unstable(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_unstable(item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"{value} has no stable form; use a finite number")


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """List the fields in which two recipe trees differ, as ``path: old → new``."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found: list[str] = []
        for key in sorted({*old, *new}):
            if not path and key == "run":
                continue
            where = f"{path}.{key}" if path else str(key)
            found += differences(old.get(key), new.get(key), where)
        return found
    return [] if old == new else [f"{path}: {_shown(old)} → {_shown(new)}"]


class _UniqueKeys(yaml.SafeLoader):
    pass


def _unique_mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} is not text (quote it)", key_node.start_mark
            )
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} stands twice", key_node.start_mark
            )
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def _override(tree: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    names = key.split(".")
    if not equals or not all(names):
        raise RecipeError(
            f"override {override!r} is not KEY=VALUE; write for example  stage.steps=100"
        )
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"the value of override {override!r} is not valid YAML") from error
    node: Any = tree
    for depth, name in enumerate(names):
        last = depth == len(names) - 1
        if isinstance(node, list):
            if not name.isdigit() or int(name) >= len(node):
                where = ".".join(names[:depth])
                raise RecipeError(
                    f"override {override!r}: {where} has {len(node)} items, got index {name!r}"
                )
            if last:
                node[int(name)] = value
            node = node[int(name)]
        elif isinstance(node, dict):
            if last:
                node[name] = value
            node = node.setdefault(name, {})
        else:
            where = ".".join(names[:depth])
            raise RecipeError(
                f"override {override!r}: {where} is {_shown(node)}, not a group of settings"
            )


def _distinct(error: ValidationError) -> list[dict[str, Any]]:
    """Leave out lists that are only too short because an item of theirs is not valid."""
    found: list[dict[str, Any]] = [dict(item) for item in error.errors()]
    places = [item["loc"] for item in found]
    return [
        item
        for item in found
        if item["type"] != "too_short"
        or not any(place[: len(item["loc"])] == item["loc"] != place for place in places)
    ]


def _explain(error: dict[str, Any], model: type[BaseModel], tree: Any) -> str:
    location = error["loc"]
    steps = _written(location, tree)
    if error["type"] == "missing":
        steps = [*_written(location[:-1], tree), str(location[-1])]
    path = ".".join(steps) or "(recipe)"
    got = _shown(error.get("input"))
    if error["type"] == "extra_forbidden":
        allowed = sorted(_fields_at(model, location[:-1]))
        close = difflib.get_close_matches(str(location[-1]), allowed, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        return f"{path}: unknown setting; {hint}allowed: {', '.join(allowed)}"
    if error["type"] == "missing":
        return f"{path}: missing; it must be given"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in ("string_type", "literal_error") and isinstance(error.get("input"), bool):
        message += " (YAML reads a bare yes, no, on or off as true or false; quote it)"
    return f"{path}: got {got}; {message[:1].lower()}{message[1:]}"


def _written(location: Sequence[str | int], tree: Any) -> list[str]:
    """Leave out what is not in the file, such as the tags of unions; the last step may be missing."""
    found: list[str] = []
    node = tree
    for step in location:
        inside = isinstance(node, Mapping) or (
            isinstance(node, list | tuple) and isinstance(step, int)
        )
        try:
            node = node[step] if inside else None
        except LookupError:
            continue
        found += [str(step)] if inside else []
    return found


def _fields_at(model: type[BaseModel], location: Sequence[str | int]) -> set[str]:
    """Name the fields allowed at a place of a recipe, through lists, mappings and unions."""
    here: set[Any] = {model}
    for step in location:
        fields = [one.model_fields[str(step)] for one in here if str(step) in one.model_fields]
        if fields:
            here = set().union(*(_models_in(field.annotation) for field in fields))
        else:
            # No field, so an index, a key of a mapping, or the tag of a union, which has one branch.
            here = {one for one in here if _has_tag(one, step)} or here
    return {name for one in here for name in one.model_fields}


def _has_tag(model: type[BaseModel], step: str | int) -> bool:
    return any(step in typing.get_args(field.annotation) for field in model.model_fields.values())


def _models_in(annotation: Any) -> set[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    origin = typing.get_origin(annotation)
    if origin is None and not isinstance(annotation, types.UnionType):
        return set()
    return {model for argument in typing.get_args(annotation) for model in _models_in(argument)}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
