"""Running: what is asked, what the blind model is shown, baselines, going on after a kill."""

import json
from io import BytesIO
from pathlib import Path

import PIL.Image
import pytest

from amalia.errors import ArtifactError, GenerationError, TaskError
from amalia.evaluate import EvalLog, evaluate, mini_tasks, read_log
from amalia.evaluate.run import blank, fingerprint
from amalia.inference import Scripted
from amalia.records import Conversation, Row

RED, BLUE = (200, 0, 0), (0, 0, 200)
TASKS = mini_tasks(["gato", "cão", "maçã"])


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
        make_row("a", target="gato", color=RED, group="noto"),
        make_row("b", target="gato", color=RED, group="fluent"),
        make_row("c", target="cão", color=BLUE, group="fluent"),
        make_row("d", target="maçã", color=BLUE, group="noto"),
    ]


def test_results_stand_beside_the_blind_run_and_the_best_constant(rows, tmp_path) -> None:
    log = evaluate(Scripted(sighted, name="m1"), rows, tasks=TASKS, log_path=tmp_path / "log.jsonl")
    assert list(log.results) == ["naming"]
    result = log.results["naming"]["accuracy"]
    assert (result.value, result.n, result.readable) == (0.75, 4, 1)
    assert result.blind == 0.25  # blind it always says «cão»
    assert result.majority == 0.5  # always «gato»
    assert result.low < 0.75 < result.high
    assert result.beats_blind is False  # four samples prove nothing
    assert {group: found["accuracy"].value for group, found in log.groups.items()} == {
        "naming/fluent": 1,
        "naming/noto": 0.5,
    }
    assert (log.engine, log.samples) == ("m1", fingerprint(rows))


def test_a_model_that_sees_beats_its_blind_self(make_row, tmp_path) -> None:
    rows = [
        make_row(str(n), target="gato" if n % 2 else "cão", color=RED if n % 2 else BLUE)
        for n in range(40)
    ]
    seeing = evaluate(Scripted(sighted), rows, tasks=TASKS, log_path=tmp_path / "1.jsonl")
    guess = Scripted(lambda _: "Um gato.")
    guessing = evaluate(guess, rows, tasks=TASKS, log_path=tmp_path / "2.jsonl")
    assert seeing.results["naming"]["accuracy"].beats_blind is True
    assert guessing.results["naming"]["accuracy"].beats_blind is False
    assert guessing.results["naming"]["accuracy"].value == 0.5


def test_a_lower_error_rate_is_better(make_row, tmp_path) -> None:
    rows = [make_row(str(n), task="reading", target="ação", color=RED) for n in range(20)]
    reader = Scripted(lambda prompt: "«ação»" if color(prompt) == RED else "«xxxx»")
    log = evaluate(reader, rows, tasks=TASKS, log_path=tmp_path / "log.jsonl")
    result = log.results["reading"]["cer"]
    assert (result.value, result.blind, result.majority) == (0, 1, 0)
    assert (result.is_lower_better, result.beats_blind) == (True, True)


def test_an_unreadable_answer_is_wrong_and_counted(rows, tmp_path) -> None:
    shy = Scripted(["Um gato.", "Sei lá.", "Um cão.", "Hum."])
    log = evaluate(shy, rows, tasks=TASKS, log_path=tmp_path / "log.jsonl", blind=False)
    result = log.results["naming"]["accuracy"]
    assert (result.value, result.readable) == (0.5, 0.5)
    assert (result.blind, result.beats_blind) == (None, None)


def test_the_blind_run_shows_grey_pictures_of_the_same_size(rows, tmp_path) -> None:
    engine = Scripted(sighted)
    evaluate(engine, rows, tasks=TASKS, log_path=tmp_path / "log.jsonl")
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


def test_variety_weighs_by_character_and_is_not_asked_blind(make_row, tmp_path) -> None:
    rows = [
        make_row("a", task="variety", target="autocarro", rejected="ônibus"),
        make_row("b", task="variety", target="comboio", rejected="trem"),
        make_row("c", task="variety", target="ecrã", rejected="tela"),
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
    engine = Scripted({}, likelihood=lambda _, answer: nats[answer])
    log = evaluate(engine, rows, tasks=TASKS, log_path=tmp_path / "log.jsonl")
    result = log.results["variety"]["accuracy"]
    assert (result.value, result.n) == (pytest.approx(1 / 3), 3)
    assert (result.blind, result.majority) == (None, None)
    _, outcomes = read_log(tmp_path / "log.jsonl")
    assert [outcome.text for outcome in outcomes] == ["autocarro", "trem", "tela"]
    assert outcomes[0].note == "target -1.0000, rejected -1.2000 nats a character"


def test_pairs_are_weighed_in_several_calls(make_row, tmp_path) -> None:
    rows = [
        make_row(f"{n:02}", task="variety", target="autocarro", rejected="ônibus")
        for n in range(40)
    ]
    engine = Scripted({}, likelihood=lambda _, answer: -1.0 if answer == "autocarro" else -9.0)
    log = evaluate(engine, rows, tasks=TASKS, log_path=tmp_path / "log.jsonl")
    assert (log.results["variety"]["accuracy"].value, len(engine.calls)) == (1, 80)


def test_the_log_holds_every_answer_and_no_line_is_broken_by_it(make_row, tmp_path) -> None:
    path = tmp_path / "runs" / "log.jsonl"
    said = "Um gato.\u2028E «mais»\r\n\x85 nada."
    engine = Scripted(lambda _: said)
    evaluate(engine, [make_row(target="gato")], tasks=TASKS, log_path=path)
    header, (outcome,) = read_log(path)
    assert (header.engine, header.tasks) == ("scripted", {"naming": 1})
    assert (outcome.text, outcome.answer, outcome.value) == (said, "gato", 1)
    assert (outcome.sample, outcome.condition, outcome.target) == ("s1", "seen", "gato")
    again = evaluate(engine, [make_row(target="gato")], tasks=TASKS, log_path=path)
    assert again.results["naming"]["accuracy"].value == 1


def test_an_answer_that_was_cut_is_noted(make_row, tmp_path) -> None:
    evaluate(
        Scripted(lambda _: "gato " * 50), [make_row()], tasks=TASKS, log_path=tmp_path / "log.jsonl"
    )
    assert read_log(tmp_path / "log.jsonl")[1][0].note == "cut at 32 tokens"


@pytest.mark.parametrize("num_answers", [0, 2, 5, 7])
def test_a_killed_run_goes_on_where_it_was(rows, tmp_path, num_answers) -> None:
    path = tmp_path / "log.jsonl"
    whole = evaluate(Scripted(sighted), rows, tasks=TASKS, log_path=tmp_path / "whole.jsonl")
    given = []

    def dying(prompt: Row[Conversation]) -> str:
        if len(given) == num_answers:
            raise GenerationError("the power is out")
        given.append(sighted(prompt))
        return given[-1]

    with pytest.raises(GenerationError):
        evaluate(Scripted(dying), rows, tasks=TASKS, log_path=path)
    with path.open("ab") as file:
        file.write(b'{"kind": "outcome", "samp')  # killed in the middle of a line
    second = Scripted(sighted)
    assert evaluate(second, rows, tasks=TASKS, log_path=path) == whole
    assert len(second.calls) == 8 - num_answers
    assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    third = Scripted(sighted)
    assert evaluate(third, rows, tasks=TASKS, log_path=path) == whole
    assert third.calls == []


def test_a_log_of_another_run_is_refused(rows, tmp_path) -> None:
    path = tmp_path / "log.jsonl"
    evaluate(Scripted(sighted, name="m1"), rows, tasks=TASKS, log_path=path)
    with pytest.raises(ArtifactError, match=r"engine is 'm1', expected 'm2'"):
        evaluate(Scripted(sighted, name="m2"), rows, tasks=TASKS, log_path=path)
    with pytest.raises(ArtifactError, match="of another run: samples is"):
        evaluate(Scripted(sighted, name="m1"), rows[:3], tasks=TASKS, log_path=path)
    with pytest.raises(ArtifactError, match="of another run: blind is True, expected False"):
        evaluate(Scripted(sighted, name="m1"), rows, tasks=TASKS, log_path=path, blind=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nonsense\n", "does not begin with the header"),
        (b"\xff\xfe\n", "does not begin with the header"),
        (b'{"kind": "outcome"}\n', "does not begin with the header"),
    ],
)
def test_a_file_that_is_no_log_is_refused(rows, tmp_path, content, message) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=message):
        evaluate(Scripted(sighted), rows, tasks=TASKS, log_path=path)
    assert path.read_bytes() == content


def test_a_damaged_line_is_named(rows, tmp_path) -> None:
    path = tmp_path / "log.jsonl"
    evaluate(Scripted(sighted), rows, tasks=TASKS, log_path=path)
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2][:-9]
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(ArtifactError, match="line 3 of the evaluation log"):
        evaluate(Scripted(sighted), rows, tasks=TASKS, log_path=path)


def test_a_log_that_cannot_be_opened_is_one_clear_error(rows, tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ArtifactError, match="cannot open the evaluation log"):
        evaluate(Scripted(sighted), rows, tasks=TASKS, log_path=tmp_path / "file" / "log.jsonl")
    with pytest.raises(ArtifactError, match="cannot read the evaluation log"):
        read_log(tmp_path / "none.jsonl")


def test_a_full_disk_is_one_clear_error_and_the_run_goes_on_later(rows, tmp_path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "log.jsonl"
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, usual[1]))
    try:
        with pytest.raises(ArtifactError, match="make room and run the same command again"):
            evaluate(Scripted(sighted), rows, tasks=TASKS, log_path=path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert path.stat().st_size == 700
    log = evaluate(Scripted(sighted), rows, tasks=TASKS, log_path=path)
    assert log.results["naming"]["accuracy"].n == 4


def test_samples_that_cannot_be_run_are_refused(rows, make_row, tmp_path) -> None:
    path = tmp_path / "log.jsonl"

    def run(*given):
        evaluate(Scripted(sighted), given, tasks=TASKS, log_path=path)

    with pytest.raises(TaskError, match="no samples"):
        run()
    with pytest.raises(TaskError, match="two samples have the id 'a'"):
        run(rows[0], rows[0])
    with pytest.raises(TaskError, match=r"task 'naminf'; expected one of \['chart', 'counting'"):
        run(make_row(task="naminf"))
    with pytest.raises(TaskError, match="rejected=None"):
        run(make_row(task="variety"))
    with pytest.raises(TaskError, match="rejected='ecrã'"):
        run(make_row(task="variety", target="ecrã", rejected="ecrã"))
    with pytest.raises(TaskError, match="two tasks share a name"):
        evaluate(Scripted(sighted), rows, tasks=[*TASKS, TASKS[0]], log_path=path)
    assert not path.exists()


def test_the_fingerprint_is_of_the_samples_and_not_of_their_order(rows, make_row) -> None:
    assert fingerprint(rows) == fingerprint(rows[::-1])
    other = [make_row("a", target="gato", color=BLUE, group="noto"), *rows[1:]]
    assert fingerprint(other) != fingerprint(rows)


def test_the_summary_on_disk(rows, tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    log = evaluate(Scripted(sighted), rows, tasks=TASKS, log_path=tmp_path / "log.jsonl")
    log.write(path)
    assert EvalLog.read(path) == log
    found = json.loads(path.read_text(encoding="utf-8"))["results"]["naming"]["accuracy"]
    assert {"value", "low", "high", "n", "blind", "majority", "readable"} <= set(found)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(ArtifactError, match="not an evaluation summary"):
        EvalLog.read(path)
    with pytest.raises(ArtifactError, match="not an evaluation summary"):
        EvalLog.read(tmp_path / "none.json")
