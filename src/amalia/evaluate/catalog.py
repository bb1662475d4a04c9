"""Which tasks there are, in the order of the reports."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from amalia.errors import TaskError
from amalia.evaluate.task import Task
from amalia.evaluate.tasks import (
    ai2d,
    alba,
    caravela,
    chart,
    chartqa,
    choices,
    coco2017_cap,
    counting,
    docvqa,
    embspatial,
    hallucination,
    harmbench,
    infovqa,
    mathvision,
    mme,
    mmmu,
    mmmu_pro,
    mmstar,
    multiple_choice,
    naming,
    ocrbench,
    p3b3,
    pheb,
    pointing,
    pope,
    portexto,
    position,
    reading,
    realworldqa,
    refcoco_bbox,
    refcoco_bbox_rec,
    safety,
    seedbench,
    short_answer,
    textvqa,
    variety,
    yes_no,
)


def mini_tasks(
    known_names: Iterable[str], synonyms: Mapping[str, str] | None = None
) -> tuple[Task, ...]:
    """Make the tasks whose samples are made together with their answers.

    Args:
        known_names: Every name that an answer may give for a thing, in either variety; a longer one hides a
            shorter one inside it, and a wrong one is wrong rather than unreadable.
        synonyms: Another name of a thing, such as the Brazilian one → its name here; in a free description either
            says that the thing is there.

    Returns:
        naming, counting, yes_no, position, reading, reading_line, pointing, chart, variety, describing.
    """
    names = tuple(known_names)
    other = synonyms or {}
    return (
        naming.task(names),
        counting.TASK,
        yes_no.TASK,
        position.task(names),
        reading.WORD,
        reading.LINE,
        pointing.TASK,
        chart.TASK,
        variety.TASK,
        hallucination.task([name for name in names if name not in other], other),
    )


def published_tasks() -> tuple[Task, ...]:
    """Give the tasks that read published data, and those whose rows ship with the package."""
    return (
        # amalia_vl_eval_pt
        ai2d.TASK,
        chartqa.TASK,
        docvqa.TASK,
        infovqa.TASK,
        textvqa.TASK,
        ocrbench.TASK,
        mme.TASK,
        mmmu.TASK,
        mmmu_pro.TASK,
        mmstar.TASK,
        seedbench.TASK,
        mathvision.TASK,
        realworldqa.TASK,
        embspatial.TASK,
        pope.TASK,
        coco2017_cap.TASK,
        refcoco_bbox.TASK,
        refcoco_bbox_rec.TASK,
        # portexto, caravela
        portexto.HANDWRITTEN,
        portexto.HANDWRITTEN_FULL_PAGE,
        portexto.IN_THE_WILD,
        portexto.SYNTHETIC,
        caravela.MCQ,
        caravela.VQA,
        caravela.REASONING,
        # text
        alba.TASK,
        p3b3.TASK,
        p3b3.JUDGED,
        pheb.TASK,
        pheb.BOXED,
        pheb.LETTER,
        pheb.NUMBER,
        pheb.LIKELIHOOD,
        choices.PT_COMPLETIONS,
        choices.CULTURAVIVA,
        choices.SAUDADE,
        choices.ALBA_MCQ,
        choices.WINOGRANDE,
        harmbench.TASK,
        # ours
        safety.TASK,
        short_answer.TASK,
        multiple_choice.TASK,
    )


def find(name: str, tasks: Mapping[str, Task]) -> Task:
    """Give the task of a name.

    Raises:
        TaskError: There is none; the message names those that are.
    """
    if name in tasks:
        return tasks[name]
    near = difflib.get_close_matches(name, tasks, n=1)
    hint = f"; perhaps {near[0]!r} is meant" if near else ""
    raise TaskError(f"there is no task {name!r}; expected one of {', '.join(sorted(tasks))}{hint}")
