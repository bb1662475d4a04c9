"""What an evaluation recipe says: which models, which tasks with which data, and who judges."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from amalia.evaluate import Source
from amalia.evaluate.harness import HarnessEntry
from amalia.evaluate.log import Scoring
from amalia.inference.endpoint import EndpointSettings
from amalia.recipe import Settings


class Script(Settings):
    """Answers that are known beforehand, for trials and for models that answered elsewhere."""

    answer: str | None = None
    """Said to every question."""
    file: str | None = None
    """JSON lines with ``id`` of the sample and ``answer``."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.answer is None) == (self.file is None):
            raise ValueError("a script is either answer or file; give one of them")
        return self


class Prices(Settings):
    """What a hosted model costs, for ``--dry-run``."""

    prompt: float = Field(ge=0)
    """A million tokens of prompt."""
    answer: float = Field(ge=0)
    """A million tokens of answer."""
    currency: str = "EUR"


class Model(Settings):
    """One model to ask: exactly one of ``path``, ``endpoint`` and ``scripted``."""

    name: str = ""
    """What the log is called; by default the last part of the path or of the model's name."""
    path: str | None = None
    """An exported folder: an artifact beside the output, or a path from the working folder."""
    endpoint: EndpointSettings | None = None
    """Any OpenAI-compatible server."""
    scripted: Script | None = None
    prices: Prices | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [n for n in ("path", "endpoint", "scripted") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(
                f"a model has exactly one of path, endpoint and scripted, got {', '.join(given) or 'none'}"
            )
        return self

    @property
    def label(self) -> str:
        """What the log of this model is called."""
        if self.name:
            return self.name
        if self.path is not None:
            return Path(self.path).name
        known = self.endpoint.model if self.endpoint else None
        return (known or "endpoint").rpartition("/")[2] if self.endpoint else "scripted"


class VarietyClassifier(Settings):
    """A text classifier that tells European from Brazilian Portuguese, for P3B3."""

    path: str
    """Folder of a transformers model for sequence classification."""
    european: str = "PT-PT"
    """Its label for European Portuguese."""
    name: str = ""
    """Ends the name of the task, ``p3b3_NAME``; by default the last part of the path."""

    @property
    def label(self) -> str:
        """What tells its task from others."""
        return self.name or Path(self.path).name


class TaskEntry(Settings):
    """A task and its data, or a sample artifact with the tasks that its samples name."""

    task: str | None = None
    """Name of a task of the catalog."""
    data: Source | None = None
    """Where the rows of that task are; tasks whose samples ship with the package need none."""
    samples: str | None = None
    """A sample artifact beside the output, or a path; without ``task`` all tasks in it are run."""
    limit: int | None = Field(default=None, ge=1)
    """Ask so many samples of a task at most, spread evenly."""
    orders: int = Field(default=1, ge=1, le=26)
    """Ask every choice this often, with its options in other orders."""
    instruction: str | None = None
    """Ends every prompt in place of the task's own words."""
    max_new_tokens: int | None = Field(default=None, ge=1)
    """Limit of an answer in place of the task's own."""
    scoring: Scoring = "ours"
    """``upstream`` scores as the benchmark's own program does, defects included."""
    classifier: VarietyClassifier | None = None
    """Scores the answers of ``p3b3`` in place of our detector."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.classifier is not None and self.task != "p3b3":
            raise ValueError(f"a classifier scores the task p3b3 only, got {self.task!r}")
        if self.task is None and self.samples is None:
            raise ValueError("an entry names a task with its data, or a sample artifact")
        if self.samples is not None and self.data is not None:
            raise ValueError("an entry has either samples or data, got both; remove one")
        if self.samples is not None and (self.orders > 1 or self.instruction is not None):
            raise ValueError(
                "samples are made with their prompts; orders and instruction need a task with data"
            )
        return self


class EvaluationRun(Settings):
    """Execution, not identity."""

    batch: int = Field(default=32, gt=0)
    """Questions a local model answers at once."""
    cache: str | None = None
    """SQLite file that keeps answers from run to run; by default they are kept until the run is finished."""


class EvaluationRecipe(Settings):
    """Ask one or more models the same questions."""

    name: str
    models: tuple[str | Model, ...] = Field(min_length=1)
    """A text is the path of a model: an artifact beside the output, or from the working folder."""
    tasks: tuple[TaskEntry, ...] = ()
    lm_eval: tuple[HarnessEntry, ...] = ()
    """Text suites of the field, through lm-eval; their results stand in the same log."""
    limit: int | None = Field(default=None, ge=1)
    """Ask so many samples of every task at most, spread evenly, where its entry says no other number."""
    blind: bool = True
    """Ask again with blank pictures."""
    judge: Model | None = None
    """Judges the answers of tasks that have no right answer to compare with."""
    judge_examples: str | None = None
    """Graded answers shown to the judge of ALBA beforehand: a CSV file, or a folder of them."""
    run: EvaluationRun = EvaluationRun()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if not self.tasks and not self.lm_eval:
            raise ValueError("there is nothing to ask; give tasks, lm_eval, or both")
        labels = [model.label for model in self.asked]
        if len(set(labels)) < len(labels):
            raise ValueError(f"models share a name, got {', '.join(labels)}; give each its own")
        return self

    @property
    def asked(self) -> tuple[Model, ...]:
        """The models, in order."""
        return tuple(
            Model(path=model) if isinstance(model, str) else model for model in self.models
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """What the logs of the models are called, in order."""
        return tuple(model.label for model in self.asked)
