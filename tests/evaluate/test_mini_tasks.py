"""Every task of the mini recipe: right, wrong and unreadable answers, and the best constant one."""

import pytest

from amalia.errors import TaskError
from amalia.evaluate import mini_tasks
from amalia.evaluate.task import Metric, Score, Task, most_frequent
from amalia.evaluate.tasks import counting
from amalia.evaluate.tasks.pointing import median_box

NAMES = ("gato", "gato preto", "cão", "maçã", "autocarro", "ônibus", "seta para a direita")
RIGHT, WRONG, UNREADABLE = (1.0, True), (0.0, True), (0.0, False)


@pytest.fixture
def tasks() -> dict[str, Task]:
    return {task.name: task for task in mini_tasks(NAMES)}


def test_the_tasks_there_are(tasks: dict[str, Task]) -> None:
    assert {name: task.metric_names for name, task in tasks.items()} == {
        "naming": ("accuracy",),
        "counting": ("accuracy",),
        "yes_no": ("accuracy", "precision", "recall", "f1", "yes_share"),
        "position": ("accuracy",),
        "reading": ("exact", "cer", "diacritics"),
        "reading_line": ("exact", "cer", "diacritics"),
        "pointing": ("iou", "acc@0.5"),
        "chart": ("accuracy",),
        "variety": ("accuracy",),
        "describing": ("f1", "chair_i", "chair_s", "recall"),
    }
    assert [name for name, task in tasks.items() if task.kind == "likelihood"] == ["variety"]


@pytest.mark.parametrize(
    ("task", "target", "answer", "expected"),
    [
        ("naming", "gato", "É um gato.", RIGHT),
        ("naming", "gato", "É um gato preto.", WRONG),
        ("naming", "autocarro", "É um ônibus.", WRONG),
        ("naming", "gato", "É uma coisa.", UNREADABLE),
        ("naming", "elétrico", "Um elétrico.", RIGHT),
        ("counting", "3", "Vejo três gatos.", RIGHT),
        ("counting", "1", "Há um gato.", RIGHT),
        ("counting", "3", "Há 2.", WRONG),
        ("counting", "3", "Há gatos.", UNREADABLE),
        ("yes_no", "sim", "Sim, há um gato.", RIGHT),
        ("yes_no", "não", "Não, não há nenhum gato.", RIGHT),
        ("yes_no", "não", "Não sei.", WRONG),
        ("yes_no", "sim", "Um gato.", UNREADABLE),
        ("position", "à esquerda", "O gato está à esquerda do cão.", RIGHT),
        ("position", "à esquerda", "À direita.", WRONG),
        ("position", "em cima", "Acima.", RIGHT),
        ("position", "em cima", "Ao lado.", UNREADABLE),
        ("reading", "ação", "A palavra é «ação».", RIGHT),
        ("reading", "ação", "ação.", RIGHT),
        ("reading", "ação", "«acao»", WRONG),
        ("reading", "ação", "...", UNREADABLE),
        ("reading", "ação", " ", UNREADABLE),
        ("reading_line", "bom dia.", "Diz: “bom dia.”", RIGHT),
        ("pointing", "[0.1, 0.2, 0.5, 0.6]", "[0,1, 0,2, 0,5, 0,6]", RIGHT),
        ("pointing", "[0.1, 0.2, 0.5, 0.6]", "[0.6, 0.7, 0.9, 0.9]", WRONG),
        ("pointing", "[0.1, 0.2, 0.5, 0.6]", "Está ali.", UNREADABLE),
        ("chart", "7", "A barra vermelha vale 7.", RIGHT),
        ("chart", "7", "Vale seis.", WRONG),
        ("chart", "azul", "A barra mais alta é a azul, e não a vermelha.", RIGHT),
        ("chart", "vermelha", "Vermelho.", RIGHT),
        ("chart", "cor-de-rosa", "É a cor-de-rosa.", RIGHT),
        ("chart", "azul", "A vermelha.", WRONG),
        ("chart", "azul", "A primeira.", UNREADABLE),
        ("variety", "autocarro", "autocarro", RIGHT),
        ("variety", "autocarro", "ônibus", WRONG),
    ],
)
def test_score(tasks, make_row, task, target, answer, expected) -> None:
    score = tasks[task].score(answer, make_row(task=task, target=target).record)
    assert (score.value, score.readable) == expected
    assert bool(score.answer) == score.readable


def test_an_accepted_form_is_as_right_as_the_target(tasks, make_row) -> None:
    sample = make_row(target="autocarro", accepted=("camioneta",)).record
    assert tasks["naming"].score("Uma camioneta.", sample).value == 1


def test_position_may_ask_for_a_thing_and_repeat_the_other(tasks, make_row) -> None:
    question = "O que está à esquerda do gato preto?"
    sample = make_row(task="position", target="cão", question=question).record
    score = tasks["position"].score
    assert score("À esquerda do gato preto está um cão.", sample) == Score(1.0, "cão", True)
    assert score("Uma maçã.", sample) == Score(0.0, "maçã", True)
    assert score("Um gato preto.", sample).readable is False
    arrow = make_row(task="position", target="seta para a direita", question=question).record
    assert score("Está uma seta para a direita.", arrow).value == 1
    assert score("À direita.", arrow).readable is False


def test_reading_measures_characters_and_caps_them(tasks, make_row) -> None:
    sample = make_row(task="reading", target="ação").record
    exact, cer, _ = tasks["reading"].metrics
    assert (exact.is_lower_better, cer.is_lower_better) == (False, True)
    near = tasks["reading"].score("«acão»", sample)
    far = tasks["reading"].score("não se consegue ler nada disto", sample)
    assert cer.measure(near, sample) == 0.25
    assert cer.measure(far, sample) == 1
    assert cer.measure(tasks["reading"].score("", sample), sample) == 1


def test_pointing_counts_half_an_overlap(tasks, make_row) -> None:
    sample = make_row(task="pointing", target="[0, 0, 0.5, 1]").record
    iou, half = tasks["pointing"].metrics
    score = tasks["pointing"].score("[0, 0, 1, 1]", sample)
    assert (iou.measure(score, sample), half.measure(score, sample)) == (0.5, 1)
    score = tasks["pointing"].score("[0.25, 0, 1, 1]", sample)
    assert (iou.measure(score, sample), half.measure(score, sample)) == (0.25, 0)


def test_the_most_frequent_target_and_the_first_of_equals(make_row) -> None:
    samples = [make_row(id=str(n), target=t).record for n, t in enumerate("3231")]
    assert most_frequent(samples) == "3"
    assert most_frequent(samples[1:]) == "1"


def test_the_median_box(make_row) -> None:
    targets = ["[0, 0, 0.2, 0.4]", "[0.1, 0.2, 0.5, 0.6]", "[0.3, 0.3, 0.9, 1]"]
    samples = [make_row(id=t, task="pointing", target=t).record for t in targets]
    assert median_box(samples) == "[0.100, 0.200, 0.500, 0.600]"
    assert median_box([make_row(target="nada").record]) == "nada"


def test_a_task_says_what_it_measures() -> None:
    with pytest.raises(TaskError, match="expected one or more, all distinct"):
        Task("counting", "", counting.score, metrics=())
    with pytest.raises(TaskError, match="expected one or more, all distinct"):
        Task("counting", "", counting.score, metrics=(Metric("a"), Metric("a")))
    with pytest.raises(TaskError, match="max_new_tokens 0"):
        Task("counting", "", counting.score, max_new_tokens=0)
