"""Ask a model every sample of every task.

A task with pictures is asked twice: as it is, and blind, with every picture replaced by a mid-grey
one of the same size. What a model gets right blind it did not see, so a score means seeing only
where it is beyond the blind one.

A sample without an answer is kept with the reason and has no score. Nothing here knows of files: answers that must
outlive a kill are kept by the engine's cache (``amalia.inference.cache``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import PIL.Image

from amalia import pictures
from amalia.errors import AmaliaError, TaskError
from amalia.evaluate.judge import question
from amalia.evaluate.log import Condition, Outcome, Said, TaskSpec
from amalia.evaluate.scoring import INVALID_JUDGEMENT, outcome_of
from amalia.evaluate.source import Benchmark
from amalia.evaluate.task import Task
from amalia.inference import Answer, Generate, Sampling
from amalia.progress import Progress
from amalia.records import (
    Conversation,
    Image,
    Part,
    Row,
    Sample,
    Text,
    Turn,
    defused,
)

MID_GREY = (128, 128, 128)
JUDGE_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """One sample under one condition: how it is shown, and what has been said so far."""

    row: Row[Sample]
    condition: Condition
    prompt: Row[Conversation]


def evaluate(
    engine: Generate,
    benchmarks: Sequence[Benchmark],
    *,
    blind: bool = True,
    judge: Generate | None = None,
) -> list[Outcome]:
    """Ask a model all samples and score what it says.

    Answers are drawn without randomness.

    Args:
        engine: The model.
        benchmarks: Tasks with their samples; scored as the task of each says.
        blind: Also run the tasks with pictures on blank ones.
        judge: The model that judges, for tasks with a rubric.

    Returns:
        One outcome a sample and condition, in order; the failed rows of the data among them.

    Raises:
        TaskError: There are no samples, two share an id, a choice is not among those weighed, or a judge is missing.
        GenerationError: The model answers nothing at all, or has no likelihoods.
    """
    check(benchmarks, has_judge=judge is not None)
    outcomes: list[Outcome] = []
    for benchmark in benchmarks:
        task = benchmark.task
        outcomes += [
            Outcome(
                sample=failed.sample,
                task=task.name,
                condition="seen",
                failure=failed.reason,
                message=failed.message,
            )
            for failed in benchmark.failed
        ]
        conditions: list[Condition] = ["seen"]
        if blind and any(row.record.prompt.images for row in benchmark.rows):
            conditions.append("blind")
        for condition in conditions:
            outcomes += _run(engine, benchmark, condition=condition, judge=judge)
    return outcomes


def spec_of(benchmark: Benchmark, judge: Generate | None = None) -> TaskSpec:
    """Say how a task was run."""
    task = benchmark.task
    return TaskSpec(
        version=task.version,
        scoring=benchmark.scoring,
        instruction=benchmark.instruction,
        max_new_tokens=task.max_new_tokens,
        data=benchmark.where,
        split=benchmark.split,
        config=benchmark.config,
        revision=benchmark.revision,
        license=benchmark.license,
        orders=benchmark.orders,
        judge=f"{judge.name}, {task.rubric.version}" if judge and task.rubric else "",
    )


def of_samples(
    rows: Sequence[Row[Sample]], tasks: Sequence[Task], *, where: str
) -> list[Benchmark]:
    """Sort samples that are made as such by their tasks.

    Args:
        rows: With unique ids; each names one of ``tasks``.
        tasks: In the order of the results; one without samples is left out.
        where: What the samples come from.

    Raises:
        TaskError: There are no samples, or one names an unknown task.
    """
    if not rows:
        raise TaskError("there are no samples to evaluate; give at least one")
    known = {task.name: task for task in tasks}
    if len(known) != len(tasks):
        names = sorted(task.name for task in tasks)
        raise TaskError(f"two tasks share a name, got {names}; give each task once")
    for row in rows:
        if row.record.task not in known:
            raise TaskError(
                f"sample {row.record.id!r} names the task {row.record.task!r};"
                f" expected one of {sorted(known)}; add the task or leave the sample out"
            )
    found = []
    for task in tasks:
        own = tuple(row for row in rows if row.record.task == task.name)
        if own:
            licenses = sorted({row.record.origin.license for row in own})
            found.append(
                Benchmark(task, own, (), " AND ".join(licenses), fingerprint(own)[:16], where)
            )
    return found


def check(benchmarks: Sequence[Benchmark], *, has_judge: bool) -> None:
    """Refuse what cannot be run, before anything is asked.

    Args:
        benchmarks: Tasks with their samples; none is right where only lm-eval's tasks are run.
        has_judge: Whether a judge is given.

    Raises:
        TaskError: As ``evaluate``.
    """
    if benchmarks and not any(benchmark.rows for benchmark in benchmarks):
        broken = [failed for benchmark in benchmarks for failed in benchmark.failed]
        reason = f" (the first row: {broken[0].message})" if broken else ""
        raise TaskError(f"there are no samples to evaluate{reason}; give at least one")
    ids: set[str] = set()
    for benchmark in benchmarks:
        task = benchmark.task
        if task.rubric is not None and not has_judge:
            raise TaskError(
                f"the answers of task {task.name} are judged by a model and none was given;"
                " say judge: in the recipe, or leave the task out"
            )
        for row in benchmark.rows:
            sample = row.record
            if sample.id in ids:
                raise TaskError(f"two samples have the id {sample.id!r}; give each its own")
            ids.add(sample.id)
            if task.kind == "likelihood":
                _check_choices(sample)


def fingerprint(rows: Sequence[Row[Sample]]) -> str:
    """Digest of the samples, whatever their order; pictures count through their own digests."""
    digest = hashlib.sha256()
    for line in sorted(row.record.model_dump_json() for row in rows):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def blank(row: Row[Conversation]) -> Row[Conversation]:
    """Replace every picture of a conversation by a mid-grey one of the same size."""
    images: dict[str, bytes] = {}
    turns = []
    for turn in row.record.turns:
        parts: list[Part] = []
        for part in turn.parts:
            if isinstance(part, Image):
                grey = PIL.Image.new("RGB", (part.width_px, part.height_px), MID_GREY)
                picture, data = pictures.encode(grey)
                images[picture.sha256] = data
                parts.append(picture)
            else:
                parts.append(part)
        turns.append(turn.model_copy(update={"parts": tuple(parts)}))
    return Row(row.record.model_copy(update={"turns": tuple(turns)}), images)


def _check_choices(sample: Sample) -> None:
    choices = sample.choices
    if len(set(choices)) < 2 or len(set(choices)) != len(choices) or sample.target not in choices:
        raise TaskError(
            f"sample {sample.id!r} of the likelihood task {sample.task!r} has the target {sample.target!r} and the"
            f" choices {list(choices)}; expected two or more that differ, the target among them"
        )


def _run(
    engine: Generate, benchmark: Benchmark, *, condition: Condition, judge: Generate | None
) -> Iterator[Outcome]:
    task, rows = benchmark.task, benchmark.rows
    asked = [Asked(row, condition, _prompt(row, condition)) for row in rows]
    what = f"{engine.name.partition('@')[0]}: {task.name}" + (
        " blind" if condition == "blind" else ""
    )
    with Progress(what, len(rows)) as bar:
        ask = _generated if task.kind == "generate" else _weighed
        said = ask(engine, task, asked, bar.advance)
    if task.rubric is not None:
        assert judge is not None
        said = _judged(judge, task, asked, said)
    for item, found in zip(asked, said, strict=True):
        yield outcome_of(task, item.row.record, found)


def _prompt(row: Row[Sample], condition: Condition) -> Row[Conversation]:
    prompt = Row(row.record.prompt, row.images)
    return blank(prompt) if condition == "blind" else prompt


def _generated(
    engine: Generate, task: Task, asked: Sequence[Asked], advance: Callable[[], None]
) -> list[Said]:
    """Ask each sample, turn by turn; all samples of a turn together, as engines like it."""
    sampling = Sampling(max_new_tokens=task.max_new_tokens, stop=task.stop)
    said = [
        Said(sample=item.row.record.id, task=task.name, condition=item.condition) for item in asked
    ]
    prompts = [item.prompt for item in asked]
    places = list(range(len(asked)))
    turn = 0
    while places:
        answers = engine.answer_many((prompts[place] for place in places), sampling)
        following = []
        for place, answer in zip(places, answers, strict=True):
            said[place] = _with_answer(said[place], answer)
            later = asked[place].row.record.follow_ups[turn:]
            if isinstance(answer, Answer) and later:
                prompts[place] = _continued(prompts[place], answer.text, later[0])
                following.append(place)
            else:
                advance()
        places = following
        turn += 1
    return said


def _with_answer(said: Said, answer: Answer | AmaliaError) -> Said:
    if isinstance(answer, AmaliaError):
        return said.model_copy(update={"failure": answer.reason, "message": str(answer)})
    known = answer.num_prompt_tokens
    before = said.num_prompt_tokens
    return said.model_copy(
        update={
            "texts": (*said.texts, answer.text),
            "finish": (*said.finish, answer.finish_reason),
            "num_tokens": said.num_tokens + answer.num_tokens,
            "num_prompt_tokens": known if before is None or known is None else before + known,
        }
    )


def _continued(prompt: Row[Conversation], answer: str, question: str) -> Row[Conversation]:
    turns = (
        *prompt.record.turns,
        Turn(role="assistant", parts=(Text(text=defused(answer)),)),
        Turn(role="user", parts=(Text(text=question),)),
    )
    return Row(prompt.record.model_copy(update={"turns": turns}), prompt.images)


def _weighed(
    engine: Generate, task: Task, asked: Sequence[Asked], advance: Callable[[], None]
) -> list[Said]:
    """Give the likeliest choice of each sample, the first of equals."""
    pairs = [(item.prompt, text) for item in asked for text in item.row.record.choices]
    found = engine.weigh_many((prompt for prompt, _ in pairs), (text for _, text in pairs))
    said = []
    for item in asked:
        sample = item.row.record
        told = Said(sample=sample.id, task=task.name, condition=item.condition)
        weighed = [next(found) for _ in sample.choices]
        failed = next((one for one in weighed if isinstance(one, AmaliaError)), None)
        if failed is not None:
            told = told.model_copy(update={"failure": failed.reason, "message": str(failed)})
        else:
            weights = [one.total_nats for one in weighed if not isinstance(one, AmaliaError)]
            compared = [
                weight / max(1, len(text)) if task.per_token == "character" else weight
                for weight, text in zip(weights, sample.choices, strict=True)
            ]
            best = max(range(len(compared)), key=compared.__getitem__)
            told = told.model_copy(
                update={"texts": (sample.choices[best],), "weights_nats": tuple(weights)}
            )
        said.append(told)
        advance()
    return said


def _judged(
    judge: Generate, task: Task, asked: Sequence[Asked], said: Sequence[Said]
) -> list[Said]:
    """Ask the judge about every answer; a judge that fails leaves the sample without a score."""
    rubric = task.rubric
    assert rubric is not None
    questions = [
        (place, question(item.row.record.id, rubric.ask(item.row.record, text)))
        for place, (item, found) in enumerate(zip(asked, said, strict=True))
        for text in ([] if found.failure else found.texts)
    ]
    sampling = Sampling(max_new_tokens=JUDGE_TOKENS)
    judged = list(said)
    with Progress(f"{judge.name.partition('@')[0]} judges {task.name}", len(questions)) as bar:
        replies = judge.answer_many((asking for _, asking in questions), sampling)
        for (place, _), reply in zip(questions, replies, strict=True):
            found = judged[place]
            if isinstance(reply, AmaliaError):
                update = {"failure": INVALID_JUDGEMENT, "message": str(reply)}
                judged[place] = found.model_copy(
                    update={**update, "judgements": (*found.judgements, "")}
                )
            else:
                judged[place] = found.model_copy(
                    update={"judgements": (*found.judgements, reply.text)}
                )
            bar.advance()
    return judged
