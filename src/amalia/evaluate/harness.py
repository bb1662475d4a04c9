"""Text suites of the field through lm-eval, asked of the same model and kept in the same log.

lm-eval brings its tasks, prompts and scores; the model is asked by our engines, so a folder, a server and a script
answer alike. A context is put as one user turn under the model's own chat template, and a continuation is weighed as
the assistant's answer: figures of programs that weigh raw text differ from these.

Not covered: rolling likelihoods (perplexity of whole texts) and tasks with pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from amalia.errors import AmaliaError, MissingExtra, TaskError
from amalia.evaluate.log import Counts, EvalLog, Outcome, Result, TaskSpec
from amalia.inference import Generate, Sampling
from amalia.recipe import Settings
from amalia.records import PLACEHOLDER, Conversation, Origin, Row, Sample, Text, Turn

PREFIX = "lm_eval:"
"""Start of the names of its tasks in our logs."""
_Z_95 = 1.959963984540054
_ORIGIN = Origin(source="lm-eval", license="unknown", created="found")
_LESS_IS_BETTER = ("perplexity", "bits_per_byte", "brier", "ter", "wer", "cer")


class HarnessEntry(Settings):
    """One task of lm-eval."""

    task: str
    """Its name there, or in ``include``."""
    include: str | None = None
    """Folder with task files of one's own."""
    num_fewshot: int | None = Field(default=None, ge=0)
    """Examples before each question; by default those of the task."""
    limit: int | None = Field(default=None, ge=1)
    """First so many rows."""


@dataclass(frozen=True, slots=True)
class Harnessed:
    """What a task of lm-eval found, in the terms of our log."""

    task: str
    spec: TaskSpec
    samples: tuple[Sample, ...]
    outcomes: tuple[Outcome, ...]
    results: Mapping[str, Result]
    counts: Counts


def run_harness(
    engine: Generate, entries: Sequence[HarnessEntry], *, limit: int | None = None
) -> list[Harnessed]:
    """Run tasks of lm-eval.

    Args:
        engine: The model.
        entries: Which tasks.
        limit: First so many rows, where an entry says no other number.

    Raises:
        MissingExtra: lm-eval is not installed.
        TaskError: A task is unknown, its data cannot be had, or it asks what cannot be answered here.
        AmaliaError: The model gives no usable answer.
    """
    try:
        import lm_eval
        from lm_eval.tasks import TaskManager
    except ModuleNotFoundError as error:
        raise MissingExtra("Running tasks of lm-eval", "lm-eval") from error
    found = []
    for entry in entries:
        try:
            run = lm_eval.simple_evaluate(
                model=_adapter(engine),
                tasks=[entry.task],
                num_fewshot=entry.num_fewshot,
                limit=entry.limit or limit,
                task_manager=TaskManager(include_path=entry.include),
                bootstrap_iters=1000,
                log_samples=True,
                verbosity="ERROR",
            )
        except AmaliaError:
            raise
        except Exception as error:  # lm-eval raises whatever its tasks and their data raise
            detail = " ".join(str(error).split())[:300]
            raise TaskError(
                f"lm-eval cannot run the task {entry.task!r} ({type(error).__name__}: {detail});"
                " expected one of its tasks whose data is at hand, or one in include"
            ) from error
        found += list(_told(run, entry))
    return found


def with_harness(log: EvalLog, found: Sequence[Harnessed]) -> EvalLog:
    """Put what lm-eval found beside the results of our tasks."""
    return log.model_copy(
        update={
            "tasks": {**log.tasks, **{item.task: item.spec.version for item in found}},
            "results": {**log.results, **{item.task: dict(item.results) for item in found}},
            "counts": {**log.counts, **{item.task: item.counts for item in found}},
        }
    )


def _adapter(engine: Generate) -> Any:
    """Give lm-eval a model that asks ours."""
    from lm_eval.api.model import LM

    class Asked(LM):  # type: ignore[misc]  # lm-eval has no types
        """Asks an engine of ours."""

        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            pairs = [request.args for request in requests]
            weighed = engine.weigh_many(
                (_prompt(context) for context, _ in pairs), (text.strip() for _, text in pairs)
            )
            # Whether the continuation is also the likeliest text is not known; no metric of choice needs it.
            return [(_nats(log_prob), False) for log_prob in weighed]

        def generate_until(self, requests: list[Any]) -> list[str]:
            said = []
            for request in requests:
                context, settings = request.args
                answer = next(engine.answer_many([_prompt(context)], _sampling(settings)))
                if isinstance(answer, AmaliaError):
                    raise answer
                said.append(answer.text)
            return said

        def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
            raise TaskError(
                f"{len(requests)} texts want their perplexity, which a chat model does not have;"
                " expected tasks of choices or answers"
            )

    return Asked()


def _nats(log_prob: Any) -> float:
    if isinstance(log_prob, AmaliaError):
        raise log_prob
    return float(log_prob.total_nats)


def _prompt(context: str) -> Row[Conversation]:
    text = PLACEHOLDER.sub(" ", context).strip() or " "
    turn = Turn(role="user", parts=(Text(text=text),))
    return Row(Conversation(id="lm-eval", turns=(turn,), language="pt-PT", origin=_ORIGIN), {})


def _sampling(settings: Mapping[str, Any]) -> Sampling:
    stop = settings.get("until") or []
    words = [stop] if isinstance(stop, str) else list(stop)
    is_drawn = bool(settings.get("do_sample")) and float(settings.get("temperature") or 0) > 0
    return Sampling(
        max_new_tokens=int(settings.get("max_gen_toks", 256)),
        temperature=float(settings["temperature"]) if is_drawn else 0.0,
        seed=0 if is_drawn else None,
        stop=tuple(word for word in words if word),
    )


def _told(run: Mapping[str, Any], entry: HarnessEntry) -> Iterator[Harnessed]:
    """Say what each leaf of a task found."""
    for name, samples in run["samples"].items():
        figures = run["results"][name]
        n = len({item["doc_id"] for item in samples})
        label = PREFIX + name
        results = dict(_results(figures, n))
        if not results:
            raise TaskError(f"lm-eval gives no figures for {name!r}; expected at least one metric")
        metric = next(iter(results)).partition(",")[0]
        rows = {str(item["doc_id"]): item for item in samples}
        records = tuple(_sample(label, key, item) for key, item in rows.items())
        outcomes = tuple(_outcome(label, key, item, metric) for key, item in rows.items())
        config = run["configs"].get(name, {})
        yield Harnessed(
            task=label,
            spec=TaskSpec(
                version=_version(run["versions"].get(name)),
                max_new_tokens=int(
                    (config.get("generation_kwargs") or {}).get("max_gen_toks", 256)
                ),
                data=str(config.get("dataset_path") or entry.task),
                revision=str(run.get("lm_eval_version") or "lm-eval"),
                license="unknown",
            ),
            samples=records,
            outcomes=outcomes,
            results=results,
            counts=Counts(asked=n, answered=n),
        )


def _results(figures: Mapping[str, Any], n: int) -> Iterator[tuple[str, Result]]:
    for key, value in figures.items():
        metric, comma, filter_ = key.partition(",")
        if not comma or metric.endswith("_stderr") or not isinstance(value, int | float):
            continue
        error = figures.get(f"{metric}_stderr,{filter_}")
        spread = float(error) if isinstance(error, int | float) else 0.0
        name = metric if filter_ == "none" else f"{metric},{filter_}"
        yield (
            name,
            Result(
                value=float(value),
                standard_error=spread,
                low=float(value) - _Z_95 * spread,
                high=float(value) + _Z_95 * spread,
                n=n,
                num_clusters=n,
                readable=1.0,
                is_lower_better=any(word in metric for word in _LESS_IS_BETTER),
            ),
        )


def _sample(label: str, key: str, item: Mapping[str, Any]) -> Sample:
    arguments = list(item.get("arguments") or [])
    context = str(arguments[0][0]) if arguments else ""
    return Sample(
        id=f"{label}/{key}",
        task=label,
        prompt=_prompt(context).record,
        target=str(item.get("target", "")),
        choices=tuple(str(pair[1]).strip() for pair in arguments) if len(arguments) > 1 else (),
        origin=_ORIGIN,
    )


def _outcome(label: str, key: str, item: Mapping[str, Any], metric: str) -> Outcome:
    value = item.get(metric)
    told = item.get("filtered_resps") or item.get("resps") or []
    texts = [str(text) for text in told] if all(isinstance(text, str) for text in told) else []
    weights = [float(pair[0]) for pair in told] if told and not texts else []
    if weights:
        choices = [str(pair[1]).strip() for pair in item["arguments"]]
        texts = [choices[max(range(len(weights)), key=weights.__getitem__)]]
    return Outcome(
        sample=f"{label}/{key}",
        task=label,
        condition="seen",
        texts=tuple(texts),
        finish=("stop",) * len(texts),
        weights_nats=tuple(weights),
        value=float(value) if isinstance(value, int | float | bool) else None,
        answer="; ".join(texts)[:200],
        readable=True,
    )


def _version(given: object) -> int:
    return int(float(given)) if isinstance(given, int | float) else 0
