"""What a client is told of what went wrong while it was answered: never more than it can act on."""

from __future__ import annotations

from amalia.errors import AmaliaError, GenerationError, RecordError, RequestError


def failure(error: BaseException, deadline_s: float) -> RequestError:
    """Say what the client is told of an answer that broke off."""
    match error:
        case RequestError():
            return error
        case TimeoutError():
            return RequestError(
                f"there was no whole answer after {deadline_s:g} s; ask for a shorter one",
                status=408,
                code="timeout",
            )
        case GenerationError() if error.reason == "prompt_too_long":
            return RequestError(
                str(error), status=400, code="context_length_exceeded", param="messages"
            )
        case GenerationError() if error.reason in ("schema", "empty"):
            param = "response_format" if error.reason == "schema" else "prompt"
            return RequestError(str(error), status=400, code="invalid_value", param=param)
        case GenerationError() if error.reason == "queue_full":
            return RequestError(
                "too many requests are waiting; ask again soon",
                status=429,
                code="queue_full",
                retry_after_s=1.0,
            )
        case RecordError():
            return RequestError(str(error), status=400, code=error.reason, param="messages")
        case AmaliaError():
            return RequestError(
                "the engine failed; ask again", status=503, code="engine_failed", retry_after_s=1.0
            )
        case Exception():
            return unforeseen()
        case _:
            return RequestError("the request was given up", status=499, code="cancelled")


def unforeseen() -> RequestError:
    """Give what is told of a fault of ours: nothing of it, and what to do."""
    return RequestError(
        "something went wrong here; ask again, and tell the operator the X-Request-Id if it goes on",
        status=500,
        code="internal_error",
    )
