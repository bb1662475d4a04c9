"""Bodies of requests: read within limits of size and time, parsed once, checked against a model.

What is wrong is told with the place in the body and what was expected, in OpenAI's form of an error.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json
from starlette.requests import ClientDisconnect, Request

from amalia.errors import RequestError
from amalia.serve.json_depth import check_json
from amalia.serve.recipe import Limits

M = TypeVar("M", bound=BaseModel)
_MAX_TOLD = 5


async def read(request: Request, limits: Limits) -> bytes:
    """Read the body of a request.

    Raises:
        RequestError: It is too large (413), too slow (408) or broken off (400).
    """
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > limits.max_body_bytes:
        raise _too_large(int(told), limits)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.max_body_bytes:
                    raise _too_large(len(body), limits)
    except TimeoutError as error:
        raise RequestError(
            f"the body had not come after {limits.body_timeout_s:g} s ({len(body)} bytes had); send it faster "
            "or send less",
            status=408,
            code="timeout",
        ) from error
    except ClientDisconnect as error:
        raise RequestError("the connection broke off within the body", code="broken_off") from error
    return bytes(body)


def parsed(body: bytes, model: type[M], limits: Limits, content_type: str) -> M:
    """Parse a body.

    Raises:
        RequestError: It is not JSON (400), or does not say what is expected (400), all problems in one line.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise RequestError(
            f"the content type is {kind or 'missing'!r}; expected application/json",
            status=415,
            code="invalid_content_type",
        )
    check_json(body, max_depth=limits.max_json_depth)
    try:
        tree = from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise RequestError(
            f"the body is not JSON: {error}; send one JSON object", code="invalid_json"
        ) from error
    if not isinstance(tree, dict):
        raise RequestError(
            f"the body is a JSON {type(tree).__name__}; expected an object", code="invalid_json"
        )
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise _refused(error.errors(include_url=False), model, tree) from error


def _too_large(num_bytes: int, limits: Limits) -> RequestError:
    return RequestError(
        f"the body has {num_bytes} bytes or more; expected at most {limits.max_body_bytes}; send smaller or "
        "fewer pictures",
        status=413,
        code="body_too_large",
    )


def _refused(errors: Sequence[ErrorDetails], model: type[BaseModel], tree: Any) -> RequestError:
    told = [_told(error, model, tree) for error in errors[:_MAX_TOLD]]
    more = f"; and {len(errors) - _MAX_TOLD} more" if len(errors) > _MAX_TOLD else ""
    is_unknown = errors[0]["type"] == "extra_forbidden"
    return RequestError(
        "; ".join(told) + more,
        code="unsupported_field" if is_unknown else "invalid_value",
        param=_path(errors[0]["loc"], tree) or None,
    )


def _told(error: ErrorDetails, model: type[BaseModel], tree: Any) -> str:
    path = _path(error["loc"], tree)
    match error["type"]:
        case "extra_forbidden":
            return f"{path} is not supported; leave it out"
        case "missing":
            known = (
                [name for name in tree if name not in model.model_fields] if "." not in path else []
            )
            near = difflib.get_close_matches(path, known, 1)
            return f"{path} is missing; add it" + (f" (got {near[0]})" if near else "")
        case "value_error":
            told = str(error.get("ctx", {}).get("error", error["msg"]))
            return f"{path}: {told}" if path else told
        case _:
            got = repr(error["input"])
            got = got if len(got) <= 60 else got[:57] + "…"
            return f"{path} is {got}; {error['msg'][:1].lower()}{error['msg'][1:]}"


def _path(loc: Sequence[str | int], tree: Any) -> str:
    """Write where something stands, without pydantic's names for the members of a union."""
    steps: list[str] = []
    here = tree
    for step in loc:
        if (
            isinstance(here, dict)
            and isinstance(step, str)
            and step not in here
            and here is not tree
        ):
            known = step in (
                "type",
                "text",
                "image_url",
                "image",
                "url",
                "content",
                "role",
                "name",
                "json_schema",
            )
            if not known or step == here.get("type"):
                continue
        if isinstance(here, str | int | float) or (
            isinstance(here, list) and isinstance(step, str)
        ):
            continue
        steps.append(str(step))
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            here = {}
    return ".".join(steps)
