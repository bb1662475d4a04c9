"""Short answers to one's own questions: strict but for their form."""

import make
import pytest

from amalia.evaluate.tasks import short_answer

# Right answers, answer, accuracy, ANLS; None where nothing can be read.
CASES = [
    (["Lisboa"], "Lisboa", 1, 1),
    (["Lisboa"], "É Lisboa.", 1, 1),
    (["Lisboa"], "«lisboa»", 1, 1),
    (["Lisboa"], "A resposta é Lisboa.", 1, 1),
    (["o Tejo"], "Tejo", 1, 1),
    (["o Tejo"], "É o Tejo.", 1, 1),
    (["Lisboa", "Lx"], "LX", 1, 1),
    (["Lisboa"], "Lisbon", 0, 5 / 6),
    (["Lisboa"], "É a cidade de Lisboa.", 0, 0),
    (["?"], "?", 1, 1),
    (["Lisboa"], "?", None, 0),
    (["Lisboa"], "...", None, 0),
    (["Lisboa"], "", None, 0),
]


@pytest.mark.parametrize(("right", "answer", "accuracy", "anls"), CASES)
def test_scores(right: list[str], answer: str, accuracy: float | None, anls: float) -> None:
    sample = make.sample(target=right[0], accepted=tuple(right[1:])).record
    found = short_answer.TASK.score(answer, sample)
    assert (found.value if found.readable else None) == accuracy
    assert short_answer.anls(found, sample) == pytest.approx(anls)
