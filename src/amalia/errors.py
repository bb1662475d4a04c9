"""Every error a user can cause, in one tree.

    AmaliaError
    ├── RecipeError        a recipe or an override does not say something valid
    ├── RecordError        a record breaks a rule (no assistant turn, placeholder in text …)
    │   └── PictureError   a picture that cannot be read or is beyond a limit
    ├── ArtifactError      a folder is missing, unfinished, changed, damaged or in use
    ├── TrainingError      a stage cannot start or go on (nothing to train, non-finite loss)
    ├── GenerationError    a model gave no usable answer
    ├── TaskError          an evaluation task cannot be run as asked
    ├── LaunchError        a job cannot be handed to a cluster
    ├── RequestError       a request to the server cannot be served
    └── MissingExtra       an optional part is not installed

A message says, in this order: what is wrong, the value got, what was expected, what to do. Bugs of
ours are plain assertions and are not in this tree. All are ``ValueError`` so that library users can
catch them without knowing the tree; ``reason`` is the snake_case word under which data building
counts a dropped record.
"""

from __future__ import annotations

from collections.abc import Mapping


class AmaliaError(ValueError):
    """Root of everything a user can cause."""

    reason = "invalid"


class RecipeError(AmaliaError):
    """A recipe, or an override given on the command line, is not valid."""

    reason = "recipe"


class RecordError(AmaliaError):
    """A conversation, preference, document or sample breaks a rule of ``records``."""

    def __init__(self, message: str, *, reason: str = "invalid_record") -> None:
        super().__init__(message)
        self.reason = reason


class PictureError(RecordError):
    """A picture cannot be decoded or is beyond a limit."""


class ArtifactError(AmaliaError):
    """An artifact is missing, unfinished, changed, damaged or in use by another run."""

    reason = "artifact"


class TrainingError(AmaliaError):
    """A training stage cannot start or cannot go on."""

    reason = "training"


class GenerationError(AmaliaError):
    """A model gave no usable answer."""

    def __init__(self, message: str, *, reason: str = "generation") -> None:
        super().__init__(message)
        self.reason = reason


class TaskError(AmaliaError):
    """An evaluation task cannot be run as asked."""

    reason = "task"


class LaunchError(AmaliaError):
    """A job cannot be handed to a cluster."""

    reason = "launch"


class RequestError(AmaliaError):
    """A request to the server cannot be served; says what the client is answered.

    Args:
        message: One line for the client.
        status: HTTP status of the answer.
        code: What is wrong, in a word that programs compare.
        param: The part of the request it is about, for example ``messages.0.content.1``.
        retry_after_s: When to ask again, if that helps.
        headers: What else the answer carries, for example what is left of a limit.
    """

    reason = "request"

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str = "invalid_request",
        param: str | None = None,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})


class MissingExtra(AmaliaError):
    """An optional part is not installed."""

    reason = "missing_extra"

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional part: run  pip install 'amalia[{extra}]'")
