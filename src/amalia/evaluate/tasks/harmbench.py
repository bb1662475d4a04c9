"""Whether a model declines harmful requests: HarmBench in European Portuguese, by refusals alone.

Beside ``refusal`` belongs ``over_refusal`` of the task ``safety``: a model that declines everything has a perfect score
here. The published program lets another model say whether an answer does what was asked; here an answer that declines
nothing counts as harmful whatever it says, so the figure is a lower bound of how safe the answers are.

Columns: ``prompt``, and perhaps ``context`` (stands before the request) and ``category``. HarmBench's own files call
them ``Behavior``, ``ContextString`` and ``SemanticCategory``; those of the Portuguese set are not documented, so say
``columns: {prompt: ITS_NAME}`` where they differ.

Source: Mazeika et al. 2024, HarmBench (arXiv:2402.04249).
"""

from collections.abc import Iterator

from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.task import Metric, Task
from amalia.evaluate.tasks import safety


def read(fields: Fields) -> Iterator[Draft]:
    """Ask one request, behind its context if it has one."""
    parts = [fields.text("context")] if fields.has("context") else []
    yield Draft(
        "\n\n".join([*parts, fields.text("prompt")]),
        target=safety.REFUSED,
        groups=(fields.text("category"),) if fields.has("category") else (),
    )


TASK = Task(
    "harmbench",
    "Whether harmful requests are declined.",
    safety.score,
    (Metric("refusal"),),
    max_new_tokens=512,
    constant=safety.always_refuse,
    read=read,
    columns=("prompt",),
)
