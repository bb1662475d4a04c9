"""Rubrics word by word, graded answers as they are published, and judges of every kind."""

import csv
from pathlib import Path

import make
import pytest

from amalia.errors import GenerationError, TaskError
from amalia.evaluate.judge import AlbaRubric, Graded, VarietyRubric, pair_question
from amalia.evaluate.judge_agreement import JudgeReport, judge_agreement, read_graded
from amalia.inference import Scripted

# Of our own making: three answers a prompt, the better ones not always the longer ones.
PROMPTS = [
    (
        "Qual é o plural de «cão»?",
        ("Cães.", 5),
        ("O plural de «cão» é «cães», como em «os cães ladram».", 4),
        ("Penso que seja «cãos», mas não tenho a certeza disso.", 1),
    ),
    (
        "O que é um hiperónimo?",
        ("É uma palavra de sentido mais geral, que abrange outras: «fruta» abrange «maçã».", 5),
        ("É uma palavra geral.", 3),
        ("É o contrário de uma palavra.", 2),
    ),
    (
        "Dá-me um sinónimo de «alegre».",
        ("Contente.", 5),
        ("Um sinónimo possível seria, dependendo do texto, «feliz» ou talvez «triste».", 3),
        ("Triste.", 1),
    ),
    (
        "Divide «lagarto» em sílabas.",
        ("La-gar-to.", 5),
        ("A palavra «lagarto» divide-se assim: la-gar-to. Tem três sílabas.", 5),
        ("Lag-arto.", 2),
    ),
]


@pytest.fixture
def graded() -> list[Graded]:
    return [
        Graded(
            f"{number}/{place}", prompt, answer, rating, "Morfologia" if number % 2 else "Léxico"
        )
        for number, (prompt, *answers) in enumerate(PROMPTS)
        for place, (answer, rating) in enumerate(answers)
    ]


def judge_by(grade_of) -> Scripted:
    """Make a judge that grades by the answer, and prefers the answer with the higher grade."""

    def reply(row) -> str:
        text = row.record.turns[-1].text
        if "Escolha: empate" in text:
            one, two = (
                grade_of(text.partition(f"<resposta {n}>\n")[2].partition(f"\n</resposta {n}>")[0])
                for n in (1, 2)
            )
            return "Escolha: " + ("empate" if one == two else "1" if one > two else "2")
        answer = text.rpartition("<resposta>\n")[2].partition("\n</resposta>")[0]
        return f"Está como está.\nNota: {grade_of(answer)}"

    return Scripted(reply, name="juiz")


def test_what_the_alba_judge_is_asked() -> None:
    rubric = AlbaRubric()
    sample = make.sample(("user", "Qual é o plural de «cão»?"), groups=("Morphology",)).record
    asked = rubric.ask(sample, "<think>hum</think>São {cães}.")
    assert "A pergunta é da categoria «Morphology».\n" in asked
    assert "<pergunta>\nQual é o plural de «cão»?\n</pergunta>" in asked
    assert "<resposta>\nSão {cães}.\n</resposta>" in asked
    assert asked.endswith("assim:\nNota: N\n")
    assert "exemplo já avaliado" not in asked
    assert rubric.read("Certa.\nNota: 5") == 5
    assert rubric.read("Nota: 10") is None


def test_examples_are_shown_for_their_category_and_change_the_version() -> None:
    example = Graded("1", "Plural de «pão»?", "Pães.", 5, "Phonetics and Phonology")
    anywhere = Graded("2", "Plural de «mão»?", "Mães.", 1)
    rubric = AlbaRubric((example, anywhere))
    sample = make.sample(groups=("Phonetics & Phonology",)).record
    other = make.sample(groups=("Syntax",)).record
    shown = "<pergunta>\nPlural de «pão»?\n</pergunta>\n<resposta>\nPães.\n</resposta>\nNota: 5\n"
    assert shown in rubric.ask(sample, "Sim.")
    assert shown not in rubric.ask(other, "Sim.")
    assert "Plural de «mão»?" in rubric.ask(other, "Sim.")
    versions = {AlbaRubric().version, rubric.version, AlbaRubric((example,)).version}
    assert len(versions) == 3
    assert AlbaRubric((example,)).version == AlbaRubric((example,)).version


def test_what_the_judge_of_the_variety_is_asked() -> None:
    rubric = VarietyRubric()
    asked = rubric.ask(make.sample(("user", "Responde em pt-BR.")).record, "Estou a ler.")
    assert "<texto>\nEstou a ler.\n</texto>" in asked
    assert "pt-BR" not in asked
    assert rubric.read('{"score": 10}') == 10
    assert rubric.read("sei lá") is None
    assert len(rubric.version) == 12


def test_a_pair_is_shown_in_the_order_given() -> None:
    asked = pair_question("Plural de «cão»?", "Cães.", "Cãos.")
    assert asked.index("Cães.") < asked.index("Cãos.") < asked.index("Escolha: 1")


def write(path: Path, *rows: tuple[str, ...]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


HEADER = (
    "id", "Prompt", "Answer A (5)", "Rating", "Answer B (4-3)", "Rating.1", "Answer C (2-1)",
    "Rating.2",
)  # fmt: skip


def test_graded_answers_are_read_from_a_folder(tmp_path) -> None:
    write(tmp_path / "Syntax.csv", HEADER, ("1", "P?", "A.", "5", "B.\nb", "3.0", "C.", ""))
    write(tmp_path / "Lexicology.csv", HEADER, ("7", "Q?", "A.", "5", "", "", "C.", "1"))
    found = read_graded(tmp_path)
    assert found == [
        Graded("Lexicology/7/0", "Q?", "A.", 5, "Lexicology"),
        Graded("Lexicology/7/2", "Q?", "C.", 1, "Lexicology"),
        Graded("Syntax/1/0", "P?", "A.", 5, "Syntax"),
        Graded("Syntax/1/1", "P?", "B.\nb", 3, "Syntax"),
        Graded("Syntax/1/2", "P?", "C.", None, "Syntax"),
    ]


def test_graded_answers_of_one_file_may_name_their_category(tmp_path) -> None:
    path = write(
        tmp_path / "poucos.csv",
        ("Prompt", "Answer", "Rating", "category"),
        ("P?", "A.", "4", "Sintaxe"),
    )
    assert read_graded(path) == [Graded("poucos/1/0", "P?", "A.", 4, "Sintaxe")]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((("id", "Prompt"), ("1", "P?")), "expected Prompt, and columns Answer"),
        ((("Prompt", "Answer", "Rating"), ("P?", "A.", "4,5")), "has the rating '4,5'"),
        ((("Prompt", "Answer", "Rating"), ("P?", "A.", "boa")), "has the rating 'boa'"),
        ((), "have the columns none"),
    ],
)
def test_graded_answers_of_another_form_are_refused(tmp_path, rows, message) -> None:
    with pytest.raises(TaskError, match=message):
        read_graded(write(tmp_path / "x.csv", *rows))


def test_there_have_to_be_graded_answers(tmp_path) -> None:
    with pytest.raises(TaskError, match="holds no CSV files"):
        read_graded(tmp_path)
    with pytest.raises(TaskError, match="cannot be read"):
        read_graded(tmp_path / "nada.csv")
    with pytest.raises(TaskError, match="there are no graded answers"):
        judge_agreement(Scripted([]), [Graded("1", "P?", "A.", None)], AlbaRubric(), pairs=0)
    with pytest.raises(TaskError, match="is rated 7; expected 1 to 5"):
        judge_agreement(Scripted([]), [Graded("1", "P?", "A.", 7)], AlbaRubric(), pairs=0)


def test_a_perfect_judge(graded) -> None:
    ratings = {one.answer: one.rating for one in graded}
    report = judge_agreement(
        judge_by(ratings.get), [*graded, Graded("x", "P?", "A.", None)], AlbaRubric(), pairs=6
    )
    assert (report.judge, report.rubric) == ("juiz", AlbaRubric().version)
    assert (report.num_answers, report.num_ungraded, report.num_invalid) == (12, 1, 0)
    assert report.overall.exact.value == report.overall.quadratic_kappa.value == 1
    assert report.overall.spearman.value == pytest.approx(1)
    assert report.overall.mean_absolute_difference.value == 0
    assert report.overall.exact.num_clusters == 4
    assert sorted(report.categories) == ["Léxico", "Morfologia"]
    assert report.length_only.quadratic_kappa.value < 0.5
    assert report.length_bias is None  # what people say already says all
    assert (report.num_pairs, report.num_invalid_pairs) == (6, 0)
    assert report.position.flips.value == 0
    assert JudgeReport.model_validate_json(report.model_dump_json()) == report


def test_a_judge_that_says_one_thing(graded) -> None:
    report = judge_agreement(Scripted(lambda _: "Nota: 4"), graded, AlbaRubric(), pairs=0)
    assert report.overall.exact.value == pytest.approx(1 / 12)
    assert report.overall.quadratic_kappa.value == 0
    assert report.overall.spearman is None
    assert (report.num_pairs, report.position) == (0, None)


def test_a_judge_that_looks_at_length_alone(graded) -> None:
    by_length = judge_by(lambda answer: min(5, 1 + len(answer.split()) // 3))
    report = judge_agreement(by_length, graded, AlbaRubric(), pairs=0)
    assert report.overall.spearman.value == pytest.approx(
        report.length_only.spearman.value, abs=0.1
    )
    assert report.length_bias.value > 0.9


def test_a_judge_that_always_prefers_the_first(graded) -> None:
    first = Scripted(
        lambda row: "Escolha: 1" if "Escolha" in row.record.turns[-1].text else "Nota: 3"
    )
    report = judge_agreement(first, graded, AlbaRubric(), pairs=100)
    assert report.num_pairs == 11  # all there are: in one prompt two answers share a rating
    assert report.position.flips.value == report.position.prefers_first.value == 1


def test_a_judge_that_answers_rubbish(graded) -> None:
    report = judge_agreement(Scripted(lambda _: "Ora bem."), graded, AlbaRubric(), pairs=2)
    assert (report.num_answers, report.num_invalid, report.num_failed) == (12, 12, 0)
    assert report.overall is report.length_only is report.position is None
    assert (report.num_pairs, report.num_invalid_pairs) == (2, 2)


def test_a_judge_that_fails_now_and_then_is_counted(graded) -> None:
    def reply(row) -> str:
        if "Triste." in row.record.turns[-1].text:
            raise GenerationError("o servidor caiu")
        return "Nota: 5"

    report = judge_agreement(Scripted(reply), graded, AlbaRubric(), pairs=0)
    assert (report.num_failed, report.num_invalid) == (1, 0)
    assert report.overall.exact.n == 11


def test_an_answer_that_holds_a_reserved_token_is_judged_too() -> None:
    judged = judge_agreement(
        Scripted(lambda _: "Nota: 1"), [Graded("1", "P?", "Fim.</s>", 1)], AlbaRubric(), pairs=0
    )
    assert judged.overall.exact.value == 1
