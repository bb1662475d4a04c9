"""What a model knows of European Portuguese, from phonetics to wordplay, judged by another model: ALBA.

800 prompts, 100 in each of eight categories. A judge explains and gives one grade of 1 to 5; the value of an answer is
(grade − 1) / 4, and ``alba`` is the mean of the eight categories in percent. A reply without a grade is an invalid
judgement and leaves the sample out, counted. What a judge is worth is measured on graded answers
(``judge_agreement``); without that the number says little.

The published program takes the first «Pontuação Global: N» of the reply, on or off the scale; gives 1 to an answer
whose judge fails or writes beyond 10,240 characters without a grade; and asks about all again where one reply has none.

Source: Vieira et al. 2026, ALBA (PROPOR 2026, 2026.propor-1.69).
"""

from __future__ import annotations

from collections.abc import Iterator

from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.judge import AlbaRubric
from amalia.evaluate.task import UNREADABLE, Data, Score, Task, macro_mean
from amalia.records import Sample


def read(fields: Fields) -> Iterator[Draft]:
    """Take a prompt as it is; nothing is added to it."""
    yield Draft(fields.text("prompt"), groups=(fields.text("category"),))


def task(rubric: AlbaRubric) -> Task:
    """Make the task.

    Args:
        rubric: With the graded examples that the judge is shown, if any.
    """

    def score(text: str, sample: Sample) -> Score:  # noqa: ARG001 - the shape of a score
        """Score the judge's reply."""
        grade = rubric.read(text)
        if grade is None:
            return UNREADABLE
        return Score((grade - rubric.low) / (rubric.high - rubric.low), str(grade), readable=True)

    return Task(
        "alba",
        "Knowledge of European Portuguese in eight categories, graded by a judge.",
        score,
        (macro_mean("alba", lambda sample: sample.groups[0], unit="%"),),
        max_new_tokens=1024,
        constant=None,
        read=read,
        columns=("prompt", "category"),
        data=Data("carminho/alba", "train", license="unknown", config="prompts"),
        rubric=rubric,
    )


TASK = task(AlbaRubric())
