"""Questions of thirty university subjects with up to ten options: MMMU-Pro, in the form with written options.

Pictures stand where the question or an option names them. The published program draws a letter by lot where it can
read none, a tenth of the credit for nothing.

Source: Yue et al. 2024, MMMU-Pro (arXiv:2409.02813).
"""

from collections.abc import Iterator

from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import letters_or_chance, rounded
from amalia.evaluate.task import Data, Published, Task
from amalia.evaluate.tasks import mmmu, multiple_choice


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row; its options are a list written as text."""
    yield mmmu.choice(fields, groups=(fields.text("subject"),))


TASK = Task(
    "mmmu_pro",
    "Questions of thirty university subjects with up to ten options.",
    multiple_choice.score,
    max_new_tokens=256,
    read=read,
    columns=("id", "subject", "question", "options", "answer", "image_1"),
    instruction=multiple_choice.TASK.instruction,
    data=Data("amalia-llm/MMMU-Pro-PT", "test", license="unknown"),
    published=Published(
        letters_or_chance.score,
        (rounded.mean("mmmu_acc", digits=5),),
        "A letter is drawn by lot where none is read.",
    ),
)
