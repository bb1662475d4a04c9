"""Ask a model every sample, log each answer as it comes, and sum up.

A task with pictures is asked twice: as it is, and blind, with every picture replaced by a mid-grey
one of the same size. What a model gets right blind it did not see, so a score means seeing only
where it is beyond the blind one.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import PIL.Image

from amalia import pictures
from amalia.errors import TaskError
from amalia.evaluate.log import Condition, EvalLog, Header, Outcome, SampleLog
from amalia.evaluate.summary import summarize
from amalia.evaluate.task import Task
from amalia.inference import Generate, Sampling
from amalia.progress import Progress
from amalia.records import Conversation, Image, Part, Row, Sample

MID_GREY = (128, 128, 128)
# Pairs weighed in one call; a killed run loses at most these.
_PAIRS_A_CALL = 16


def evaluate(
    engine: Generate,
    rows: Sequence[Row[Sample]],
    *,
    tasks: Sequence[Task],
    log_path: Path,
    blind: bool = True,
) -> EvalLog:
    """Evaluate a model on samples.

    Answers are drawn without randomness. A run that was stopped goes on where it was when it is
    called again with the same model, samples and tasks.

    Args:
        engine: the model; its name stands for its weights in the log, other weights need another.
        rows: the samples with their pictures; ids are unique, each names one of ``tasks``.
        tasks: how they are scored; one without samples is left out of the results.
        log_path: JSONL file, one line a sample and condition; continued if it is there.
        blind: also run the tasks with pictures on blank ones.

    Returns:
        The results, in the order of ``tasks``.

    Raises:
        TaskError: if there are no samples, two share an id, one names an unknown task, or one of a
            likelihood task has nothing to reject.
        ArtifactError: if the log is of another run or is damaged, or the disk refuses it.
        GenerationError: if the model gives no usable answer.
    """
    _check(rows, tasks)
    by_task = {task.name: [row for row in rows if row.record.task == task.name] for task in tasks}
    used = [task for task in tasks if by_task[task.name]]
    header = Header(
        engine=engine.name,
        samples=fingerprint(rows),
        tasks={task.name: task.version for task in used},
        max_new_tokens={task.name: task.max_new_tokens for task in used},
        blind=blind,
    )
    with SampleLog(log_path, header) as log:
        for task in used:
            own = by_task[task.name]
            conditions: list[Condition] = ["seen"]
            if blind and any(row.record.prompt.images for row in own):
                conditions.append("blind")
            for condition in conditions:
                _run(engine, task, own, condition=condition, log=log)
        return summarize(header, [row.record for row in rows], tasks, log.done)


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


def _check(rows: Sequence[Row[Sample]], tasks: Sequence[Task]) -> None:
    if not rows:
        raise TaskError("there are no samples to evaluate; give at least one")
    known = {task.name: task for task in tasks}
    if len(known) != len(tasks):
        names = sorted(task.name for task in tasks)
        raise TaskError(f"two tasks share a name, got {names}; give each task once")
    ids: set[str] = set()
    for row in rows:
        sample = row.record
        if sample.id in ids:
            raise TaskError(f"two samples have the id {sample.id!r}; give each its own")
        ids.add(sample.id)
        if sample.task not in known:
            raise TaskError(
                f"sample {sample.id!r} names the task {sample.task!r};"
                f" expected one of {sorted(known)}; add the task or leave the sample out"
            )
        if known[sample.task].kind == "likelihood" and sample.rejected in (None, sample.target):
            raise TaskError(
                f"sample {sample.id!r} of the likelihood task {sample.task!r} has"
                f" rejected={sample.rejected!r}; expected a text other than its target; add one"
            )


def _run(
    engine: Generate,
    task: Task,
    rows: Sequence[Row[Sample]],
    *,
    condition: Condition,
    log: SampleLog,
) -> None:
    pending = [row for row in rows if (row.record.id, condition) not in log.done]
    view = _view(condition)
    answered = _generated if task.kind == "generate" else _weighed
    said = answered(engine, task, pending, view)
    what = f"{engine.name.partition('@')[0]}: {task.name}" + (
        " blind" if condition == "blind" else ""
    )
    with Progress(what, len(rows), done=len(rows) - len(pending)) as bar:
        for sample, text, note in said:
            score = task.score(text, sample)
            log.append(
                Outcome(
                    sample=sample.id,
                    task=task.name,
                    group=sample.group,
                    condition=condition,
                    text=text,
                    target=sample.target,
                    value=score.value,
                    answer=score.answer,
                    readable=score.readable,
                    note="; ".join(filter(None, (score.note, note))),
                )
            )
            bar.advance()


View = Callable[[Row[Sample]], Row[Conversation]]
Said = Iterator[tuple[Sample, str, str]]


def _view(condition: Condition) -> View:
    """Say how a sample is shown under a condition."""

    def view(row: Row[Sample]) -> Row[Conversation]:
        prompt = Row(row.record.prompt, row.images)
        return blank(prompt) if condition == "blind" else prompt

    return view


def _generated(engine: Generate, task: Task, rows: Sequence[Row[Sample]], view: View) -> Said:
    """Ask each row; give its sample, the answer and a note as the model answers."""
    sampling = Sampling(max_new_tokens=task.max_new_tokens)
    given = engine.complete_many((view(row) for row in rows), sampling)
    for row, answer in zip(rows, given, strict=True):
        note = f"cut at {answer.num_tokens} tokens" if answer.finish_reason == "length" else ""
        yield row.record, answer.text, note


def _weighed(engine: Generate, task: Task, rows: Sequence[Row[Sample]], view: View) -> Said:
    """Give the likelier of target and rejected of each row; a tie goes to the rejected one."""
    assert task.kind == "likelihood"
    for start in range(0, len(rows), _PAIRS_A_CALL):
        chunk = rows[start : start + _PAIRS_A_CALL]
        texts = [text for row in chunk for text in (row.record.target, row.record.rejected or "")]
        prompts = [prompt for row in chunk for prompt in [view(row)] * 2]
        found = engine.log_probs(prompts, texts)
        per_char = [
            log_prob.total_nats / max(1, len(text))
            for log_prob, text in zip(found, texts, strict=True)
        ]
        for row, target, rejected in zip(chunk, per_char[::2], per_char[1::2], strict=True):
            text = row.record.target if target > rejected else row.record.rejected or ""
            note = f"target {target:.4f}, rejected {rejected:.4f} nats a character"
            yield row.record, text, note
