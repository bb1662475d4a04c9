"""An answer that is the right one, letter by letter, is right whatever it looks like."""

import make
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.evaluate.task import Task
from amalia.evaluate.tasks import chartqa, coco2017_cap, docvqa, ocrbench, portexto, textvqa

TASKS = [task.TASK for task in (chartqa, docvqa, ocrbench, textvqa)] + [portexto.IN_THE_WILD]
PIECES = st.lists(
    st.sampled_from(
        ["Lisboa", "a", "O", "resposta", "é", ":", "«", "»", '"', "[", "]", ",", ".", "12", "%", "3,5", "1.234",
         "**", "$", "-", "não", "sei", "Sim", "três", "e", "(", ")", "5.", "\\frac{1}{2}", "ç", "店"]
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip
TARGETS = st.tuples(PIECES, st.sampled_from(["", " "])).map(lambda made: made[1].join(made[0]))
WORDS = TARGETS.filter(lambda text: any(char.isalnum() for char in text))


@pytest.mark.parametrize("task", [*TASKS, coco2017_cap.TASK], ids=lambda task: task.name)
@given(WORDS)
def test_right_stays_right(task: Task, target: str) -> None:
    sample = make.sample(target=target, accepted=(target,) * 9).record
    assert task.score(target, sample).value == pytest.approx(1.0)
    assert task.score(f" {target}\n", sample).value == pytest.approx(1.0)


SENTENCES = [
    "{}", "{}.", "**{}**", "«{}»", "“{}”.", "A resposta é {}", "A resposta é {}.", "A resposta é «{}».",
    "Resposta: {}", "Resposta: **{}**", "Resposta final: {}.", "A resposta correta é: {}.", "O texto diz «{}».",
    'Na imagem lê-se "{}".', "Diz: «{}»",
]  # fmt: skip


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("target", ["Rua da Sé", "1998", "12,5", "Avó Conceição"])
def test_a_sentence_around_it_does_not_matter(task: Task, sentence: str, target: str) -> None:
    sample = make.sample(target=target, accepted=(target,) * 9).record
    assert task.score(sentence.format(target), sample).value == pytest.approx(1.0)
    assert task.score(sentence.format("Faro"), sample).value < 0.5
