"""Running: what is asked, what the blind model is shown, baselines, turns, judges, failures."""

from io import BytesIO

import PIL.Image
import pytest

from amalia.errors import GenerationError, TaskError
from amalia.evaluate import evaluate, mini_tasks, of_samples, summarize
from amalia.evaluate.run import blank, fingerprint
from amalia.evaluate.source import Benchmark, Failed
from amalia.evaluate.task import Metric, Score, Task
from amalia.inference import Scripted
from amalia.records import Conversation, Row

RED, BLUE = (200, 0, 0), (0, 0, 200)
TASKS = mini_tasks(["gato", "cão", "maçã"])


def run(engine, rows, tasks=TASKS, **more):
    benchmarks = of_samples(rows, tasks, where="test")
    outcomes = evaluate(engine, benchmarks, **more)
    samples = {row.record.id: row.record for row in rows}
    return summarize(engine.name, tasks, samples, outcomes), outcomes


def color(prompt: Row[Conversation]) -> tuple[int, ...]:
    (data,) = prompt.images.values()
    pixel = PIL.Image.open(BytesIO(data)).convert("RGB").getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return pixel


def sighted(prompt: Row[Conversation]) -> str:
    """Name red pictures right; any other is a dog."""
    return "É um gato." if color(prompt) == RED else "É um cão."


@pytest.fixture
def rows(make_row):
    return [
        make_row("a", target="gato", color=RED, groups=("noto",)),
        make_row("b", target="gato", color=RED, groups=("fluent",)),
        make_row("c", target="cão", color=BLUE, groups=("fluent", "animal")),
        make_row("d", target="maçã", color=BLUE, groups=("noto",)),
    ]


def test_results_stand_beside_the_blind_run_and_the_best_constant(rows) -> None:
    log, _ = run(Scripted(sighted, name="m1"), rows)
    assert list(log.results) == ["naming"]
    result = log.results["naming"]["accuracy"]
    assert (result.value, result.n, result.num_clusters, result.readable) == (0.75, 4, 4, 1)
    assert result.standard_error == pytest.approx((0.75 * 0.25 / 4) ** 0.5)
    assert result.blind == 0.25  # blind it always says «cão»
    assert result.majority == 0.5  # always «gato»
    assert result.low < 0.75 < result.high
    assert result.beats_blind is False  # four samples prove nothing
    assert {group: found["accuracy"].value for group, found in log.groups.items()} == {
        "naming/animal": 1,
        "naming/fluent": 1,
        "naming/noto": 0.5,
    }
    assert (log.engine, log.tasks) == ("m1", {"naming": 2})


def test_a_model_that_sees_beats_its_blind_self(make_row) -> None:
    rows = [
        make_row(str(n), target="gato" if n % 2 else "cão", color=RED if n % 2 else BLUE)
        for n in range(40)
    ]
    seeing, _ = run(Scripted(sighted), rows)
    guessing, _ = run(Scripted(lambda _: "Um gato."), rows)
    assert seeing.results["naming"]["accuracy"].beats_blind is True
    assert guessing.results["naming"]["accuracy"].beats_blind is False
    assert guessing.results["naming"]["accuracy"].value == 0.5


def test_questions_about_one_picture_count_as_one(make_row) -> None:
    rows = [
        make_row(
            str(n), target="gato" if n % 2 else "cão", color=RED if n % 2 else BLUE, cluster=""
        )
        for n in range(40)
    ]
    result = run(Scripted(sighted), rows)[0].results["naming"]["accuracy"]
    assert (result.n, result.num_clusters) == (40, 2)
    assert result.low < 0.5  # forty right answers, two pictures
    assert result.beats_blind is False


def test_a_lower_error_rate_is_better(make_row) -> None:
    rows = [make_row(str(n), task="reading", target="ação", color=RED) for n in range(20)]
    reader = Scripted(lambda prompt: "«ação»" if color(prompt) == RED else "«xxxx»")
    result = run(reader, rows)[0].results["reading"]["cer"]
    assert (result.value, result.blind, result.majority) == (0, 1, 0)
    assert (result.is_lower_better, result.beats_blind) == (True, True)


def test_an_unreadable_answer_is_wrong_and_counted(rows) -> None:
    shy = Scripted(["Um gato.", "Sei lá.", "Um cão.", "Hum."])
    log, outcomes = run(shy, rows, blind=False)
    result = log.results["naming"]["accuracy"]
    assert (result.value, result.readable) == (0.5, 0.5)
    assert (result.blind, result.beats_blind) == (None, None)
    assert (log.counts["naming"].answered, log.counts["naming"].unreadable) == (4, 2)
    assert [outcome.value for outcome in outcomes] == [1, 0, 1, 0]


def test_the_blind_run_shows_grey_pictures_of_the_same_size(rows) -> None:
    engine = Scripted(sighted)
    run(engine, rows)
    seen, blind = engine.calls[:4], engine.calls[4:]
    assert [color(call.prompt) for call in seen] == [RED, RED, BLUE, BLUE]
    assert [color(call.prompt) for call in blind] == [(128, 128, 128)] * 4
    for call in blind:
        (image,) = call.prompt.record.images
        assert (image.width_px, image.height_px) == (8, 6)
        assert image.sha256 in call.prompt.images
        assert call.prompt.record.turns[-1].text == "O que é isto?"
        assert call.sampling is not None
        assert (call.sampling.temperature, call.sampling.max_new_tokens) == (0, 32)


def test_blank_leaves_a_text_alone(make_row) -> None:
    row = make_row()
    assert blank(Row(row.record.prompt, row.images)) == Row(row.record.prompt, {})


def test_variety_weighs_by_character_and_is_not_asked_blind(make_row) -> None:
    pairs = (("autocarro", "ônibus"), ("comboio", "trem"), ("ecrã", "tela"))
    rows = [
        make_row(ours, task="variety", target=ours, choices=(theirs, ours))
        for ours, theirs in pairs
    ]
    # In total every target is less likely; «autocarro» is so only because it is longer.
    nats = {
        "autocarro": -9.0,
        "ônibus": -7.2,
        "comboio": -14.0,
        "trem": -4.0,
        "ecrã": -4,
        "tela": -4,
    }
    log, outcomes = run(Scripted({}, likelihood=lambda _, answer: nats[answer]), rows)
    result = log.results["variety"]["accuracy"]
    assert (result.value, result.n) == (pytest.approx(1 / 3), 3)
    assert (result.blind, result.majority) == (None, None)
    # The first of equals is the answer: a tie of «tela» and «ecrã» is Brazilian.
    assert [outcome.text for outcome in outcomes] == ["autocarro", "trem", "tela"]
    assert outcomes[0].weights_nats == (-7.2, -9.0)


def test_an_answer_that_was_cut_is_counted(make_row) -> None:
    log, (outcome,) = run(Scripted(lambda _: "gato " * 50), [make_row()])
    assert (outcome.finish, outcome.num_tokens) == (("length",), 32)
    assert log.counts["naming"].cut == 1


def test_a_sample_without_an_answer_has_no_score_and_a_reason(make_row) -> None:
    def answer(prompt: Row[Conversation]) -> str:
        if prompt.record.id == "2/prompt":
            raise GenerationError("conversation 2 needs 9999 tokens", reason="prompt_too_long")
        return "Um gato."

    rows = [make_row(str(n)) for n in range(5)]
    log, outcomes = run(Scripted(answer), rows)
    assert (log.results["naming"]["accuracy"].value, log.results["naming"]["accuracy"].n) == (1, 4)
    assert log.counts["naming"].failed == {"prompt_too_long": 1}
    assert (outcomes[2].value, outcomes[2].message) == (None, "conversation 2 needs 9999 tokens")
    assert log.failing == {"naming": 0.2}


def test_rows_that_could_not_be_read_are_failed_samples(make_row) -> None:
    failed = Failed("naming/000007", "missing_picture", "task naming, row 7 has no picture")
    benchmark = Benchmark(TASKS[0], (make_row(),), (failed,), "CC0-1.0", "1", "test")
    outcomes = evaluate(Scripted(lambda _: "Um gato."), [benchmark])
    assert [(o.sample, o.failure) for o in outcomes] == [
        ("naming/000007", "missing_picture"),
        ("s1", ""),
    ]
    log = summarize("m", TASKS, {"s1": make_row().record}, outcomes)
    assert log.counts["naming"].failed == {"missing_picture": 1}
    assert log.counts["naming"].failed_fraction == 0.5
    with pytest.raises(TaskError, match=r"no samples to evaluate \(the first row: .*no picture"):
        evaluate(Scripted([]), [Benchmark(TASKS[0], (), (failed,), "CC0-1.0", "1", "test")])


def test_follow_ups_are_asked_after_the_answer_before(make_row) -> None:
    rows = [
        make_row("a", question="Quantos?", follow_ups=("E cães?", "E no fim?")),
        make_row("b", question="Sozinho?"),
    ]
    heard = []

    def answer(prompt: Row[Conversation]) -> str:
        heard.append([turn.text for turn in prompt.record.turns])
        return f"Um gato {len(prompt.record.turns)} <s>."

    log, outcomes = run(Scripted(answer), rows)
    assert heard == [
        ["Quantos?"],
        ["Sozinho?"],
        ["Quantos?", "Um gato 1 ‹s›.", "E cães?"],
        ["Quantos?", "Um gato 1 ‹s›.", "E cães?", "Um gato 3 ‹s›.", "E no fim?"],
    ]
    assert outcomes[0].texts == ("Um gato 1 <s>.", "Um gato 3 <s>.", "Um gato 5 <s>.")
    assert outcomes[0].num_tokens == 12
    assert log.results["naming"]["accuracy"].n == 2


class Grades:
    """A rubric that shows the judge the answer alone."""

    version = "v1"

    def ask(self, sample, answer: str) -> str:
        return f"{sample.prompt.turns[-1].text} → {answer}"


def graded(text: str, sample) -> Score:
    del sample
    return Score(int(text) / 5, text, True) if text.isdecimal() else Score(0, "", False)


JUDGED = Task("judged", "Graded by a judge.", graded, (Metric("grade"),), rubric=Grades())


def test_a_judge_grades_and_its_rubbish_is_no_grade(make_row) -> None:
    rows = [make_row(name, task="judged", question=name) for name in "abc"]
    judge = Scripted({"a → sim": "5", "b → sim": "3", "c → sim": "não sei"}, name="judge")
    log, outcomes = run(Scripted(lambda _: "sim"), rows, [JUDGED], judge=judge)
    assert [(o.value, o.judgements, o.failure) for o in outcomes] == [
        (1.0, ("5",), ""),
        (0.6, ("3",), ""),
        (None, ("não sei",), "invalid_judgement"),
    ]
    assert log.results["judged"]["grade"].value == pytest.approx(0.8)
    assert log.results["judged"]["grade"].majority is None
    assert (log.counts["judged"].invalid_judgements, log.counts["judged"].failed) == (1, {})
    with pytest.raises(TaskError, match="judged by a model and none was given"):
        run(Scripted(lambda _: "sim"), rows, [JUDGED])


def test_a_judge_that_does_not_answer_leaves_the_sample_without_a_score(make_row) -> None:
    judge = Scripted(["4"], name="judge")
    rows = [make_row(name, task="judged") for name in "ab"]
    _, outcomes = run(Scripted(lambda _: "sim"), rows, [JUDGED], judge=judge)
    assert [(o.value, o.failure) for o in outcomes] == [(0.8, ""), (None, "invalid_judgement")]


def test_the_letters_chosen_are_counted(make_row) -> None:
    letters = Task("letters", "A letter.", lambda text, _: Score(float(text == "A"), text, True))
    rows = [make_row(str(n), task="letters", target="A", choices=("A", "B", "C")) for n in range(4)]
    log, _ = run(Scripted(["A", "B", "B", "B"]), rows, [letters])
    assert log.counts["letters"].letters == {"A": 0.25, "B": 0.75}


def test_a_choice_asked_in_several_orders_is_right_when_it_is_in_all(make_row) -> None:
    letters = Task(
        "letters", "A letter.", lambda text, s: Score(float(text == s.target), text, True)
    )
    rows = [
        make_row(f"{name}{order}", task="letters", target=target, choices=("A", "B"), cluster=name)
        for name in "xy"
        for order, target in (("", "A"), ("~1", "B"))
    ]
    log, _ = run(Scripted(["A", "B", "A", "A"]), rows, [letters])
    assert log.results["letters"]["accuracy"].value == 0.75
    every = log.results["letters"]["every_order"]
    assert (every.value, every.n) == (0.5, 2)


def test_the_variety_of_answers_is_told_with_its_evidence(make_row) -> None:
    said = ["O ônibus está chegando agora.", "O autocarro está a chegar agora.", "Sim."]
    rows = [make_row(str(n)) for n in range(3)]
    found = run(Scripted(said), rows)[0].adherence["naming"]
    assert found.labels == {"pt-BR": 1, "pt-PT": 1}
    assert (found.pt_pt, found.low < 0.5 < found.high) == (0.5, True)
    assert ("ônibus", "autocarro") in {(sign.text, sign.instead) for sign in found.evidence}


def test_what_a_model_thinks_aloud_is_not_its_answer(make_row) -> None:
    said = "<think>Talvez um cão.</think>Um gato."
    log, _ = run(Scripted(lambda _: said), [make_row(target="gato")])
    assert log.results["naming"]["accuracy"].value == 1


def test_samples_that_cannot_be_run_are_refused(rows, make_row) -> None:
    def ask(*given):
        run(Scripted(sighted), given)

    with pytest.raises(TaskError, match="no samples"):
        ask()
    with pytest.raises(TaskError, match="two samples have the id 'a'"):
        ask(rows[0], rows[0])
    with pytest.raises(TaskError, match=r"task 'naminf'; expected one of \['chart', 'counting'"):
        ask(make_row(task="naminf"))
    for choices in ((), ("ecrã",), ("tela", "monitor"), ("ecrã", "ecrã")):
        with pytest.raises(TaskError, match="expected two or more that differ"):
            ask(make_row(task="variety", target="ecrã", choices=choices))
    with pytest.raises(TaskError, match="two tasks share a name"):
        run(Scripted(sighted), rows, [*TASKS, TASKS[0]])


def test_the_fingerprint_is_of_the_samples_and_not_of_their_order(rows, make_row) -> None:
    assert fingerprint(rows) == fingerprint(rows[::-1])
    other = [make_row("a", target="gato", color=BLUE, groups=("noto",)), *rows[1:]]
    assert fingerprint(other) != fingerprint(rows)
