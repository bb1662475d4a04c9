"""Evaluation recipes from end to end: what is asked, what is kept, what is said when it cannot be done."""

import json

import pytest
import yaml

from amalia import recipe as recipes
from amalia.errors import ArtifactError, GenerationError, RecipeError, TaskError
from amalia.evaluate import read_log, read_results
from amalia.inference import Scripted
from amalia.pipeline import evaluation, models
from amalia.pipeline.evaluation import build, known_tasks
from amalia.pipeline.evaluation_plan import plan
from amalia.pipeline.evaluation_recipe import EvaluationRecipe
from amalia.pipeline.rescoring import explained, rescore

ROWS = [
    {
        "question": f"Pergunta {n}: onde se apanha o comboio?",
        "options": ["na estação", "na padaria", "na praia"],
        "answer": n % 3,
        "group": "par" if n % 2 == 0 else "ímpar",
    }
    for n in range(12)
]

SERVED = {"name": "m", "endpoint": {"url": "http://127.0.0.1:9/v1"}}
MADE = {"naming", "counting", "yes_no", "position", "reading", "reading_line", "pointing", "chart"}
MADE |= {"variety"}


@pytest.fixture
def data(tmp_path):
    """Write twelve questions with three options each."""
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS), "utf-8")
    return path


def recipe(data, *, models=None, **more) -> EvaluationRecipe:
    tree = {
        "name": "ensaio",
        "models": models or [{"scripted": {"answer": "A resposta correta é a B."}}],
        "tasks": [{"task": "multiple_choice", "data": {"path": str(data)}}],
        **more,
    }
    return recipes.parse(tree, EvaluationRecipe, name="ensaio")


def test_a_run_leaves_a_log_for_each_model(data, tmp_path) -> None:
    asked = [
        {"name": "b", "scripted": {"answer": "A resposta correta é a B."}},
        {"name": "nada", "scripted": {"answer": "Não sei dizer."}},
    ]
    out = tmp_path / "out"
    manifest = build(recipe(data, models=asked), out)
    assert (manifest.kind, manifest.figures["samples"]) == ("evaluation", 12)
    assert sorted(path.name for path in out.iterdir()) == ["b", "manifest.json", "nada"]
    spec, log = read_results(out / "b")
    assert log.results["multiple_choice"]["accuracy"].value == pytest.approx(1 / 3)
    assert set(log.groups) == {"multiple_choice/par", "multiple_choice/ímpar"}
    assert spec.tasks["multiple_choice"].data == str(data)
    assert spec.code["version"]
    assert "numpy" in spec.packages
    nothing = read_results(out / "nada")[1].counts["multiple_choice"]
    assert (nothing.answered, nothing.unreadable, nothing.letters) == (12, 12, {})


def test_a_finished_run_is_not_asked_again_and_other_data_is_refused(data, tmp_path) -> None:
    out = tmp_path / "out"
    first = build(recipe(data), out)
    assert build(recipe(data), out) == first
    data.write_text("\n".join(json.dumps(row) for row in ROWS[:6]), "utf-8")
    with pytest.raises(ArtifactError, match="was made from another recipe"):
        build(recipe(data), out)


def test_a_run_that_was_stopped_goes_on_where_it_was(data, tmp_path, monkeypatch) -> None:
    out = tmp_path / "out"
    asked = []

    def dying(prompt):
        if len(asked) == 5:
            raise KeyboardInterrupt
        asked.append(prompt.record.id)
        return "B"

    def engine(model, folder, *, batch):
        del model, folder, batch
        return Scripted(dying, name="m@1")

    monkeypatch.setattr(evaluation, "engine_of", engine)
    served = {"models": [SERVED]}
    with pytest.raises(KeyboardInterrupt):
        build(recipe(data, **served), out)
    assert not out.exists()
    again = []

    def well(prompt):
        again.append(prompt.record.id)
        return "B"

    monkeypatch.setattr(evaluation, "engine_of", lambda *_, **__: Scripted(well, name="m@1"))
    build(recipe(data, **served), out)
    assert asked + again == [f"multiple_choice/{n:06d}" for n in range(12)]
    assert [path.name for path in out.glob("answers*")] == []


def test_answers_may_be_kept_for_other_runs(data, tmp_path, monkeypatch) -> None:
    cache = tmp_path / "answers.sqlite"
    heard = []

    def answer(prompt):
        heard.append(prompt.record.id)
        return "B"

    monkeypatch.setattr(evaluation, "engine_of", lambda *_, **__: Scripted(answer, name="m@1"))
    kept = {"run": {"cache": str(cache)}, "models": [SERVED]}
    build(recipe(data, limit=4, **kept), tmp_path / "some")
    assert len(heard) == 4
    build(recipe(data, **kept), tmp_path / "all")
    assert len(heard) == 12
    assert read_results(tmp_path / "some" / "m")[1].counts["multiple_choice"].asked == 4


def test_answers_given_elsewhere_are_scored(data, tmp_path) -> None:
    said = tmp_path / "said.jsonl"
    lines = [{"id": f"multiple_choice/{n:06d}", "answer": "ABC"[n % 3]} for n in range(11)]
    said.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    build(recipe(data, models=[{"name": "m", "scripted": {"file": str(said)}}]), tmp_path / "out")
    log = read_results(tmp_path / "out" / "m")[1]
    assert log.results["multiple_choice"]["accuracy"].value == 1
    assert log.counts["multiple_choice"].failed == {"no_answer": 1}
    assert log.failing == {"multiple_choice": pytest.approx(1 / 12)}
    said.write_text("isto não é JSON", "utf-8")
    with pytest.raises(ArtifactError, match="is not a script of answers"):
        models.engine_of(
            recipe(data, models=[{"scripted": {"file": str(said)}}]).asked[0], tmp_path, batch=1
        )


def test_the_tiny_model_answers_and_weighs(data, tiny_model, tmp_path) -> None:
    tree = {"path": str(tiny_model), "name": "tiny"}
    found = recipe(data, models=[tree], limit=3)
    build(found, tmp_path / "out")
    spec, log = read_results(tmp_path / "out" / "tiny")
    assert spec.engine.startswith("model@")
    assert log.counts["multiple_choice"].answered == 3
    stored = read_log(tmp_path / "out" / "tiny")
    assert all(outcome.num_prompt_tokens for outcome in stored.outcomes)


def test_answers_are_scored_again_without_asking(data, tmp_path) -> None:
    build(recipe(data), tmp_path / "out")
    (again,) = rescore(tmp_path / "out", tmp_path / "again", scoring="ours")
    assert again == tmp_path / "again" / "scripted"
    assert read_results(again)[1] == read_results(tmp_path / "out" / "scripted")[1]
    assert read_log(again).outcomes == read_log(tmp_path / "out" / "scripted").outcomes
    assert explained(tmp_path / "out") == []  # a task of one's own has no published scoring
    with pytest.raises(ArtifactError, match="is there already"):
        rescore(tmp_path / "out", tmp_path / "again", scoring="ours")


def test_the_plan_says_what_is_asked_and_what_it_costs(data, tmp_path) -> None:
    prices = {"prompt": 2.0, "answer": 10.0}
    asked = [{"name": "m", "scripted": {"answer": "B"}, "prices": prices}]
    orders = [{"task": "multiple_choice", "data": {"path": str(data)}, "orders": 3}]
    lines = plan(recipe(data, models=asked, tasks=orders), tmp_path / "out")
    assert lines[1].split()[:4] == ["multiple_choice", "36", "36", "0"]
    assert any("how fast it answers is not known yet" in line for line in lines)
    assert any(line.startswith("m: about 0.01 and at most 0.01 EUR") for line in lines)
    assert not (tmp_path / "out").exists()


def test_the_plan_knows_the_rate_of_answers_that_are_kept(data, tiny_model, tmp_path) -> None:
    kept = {"run": {"cache": str(tmp_path / "answers.sqlite")}, "models": [str(tiny_model)]}
    build(recipe(data, limit=2, **kept), tmp_path / "some")
    lines = plan(recipe(data, **kept), tmp_path / "all")
    assert any("at the rate seen so far" in line for line in lines)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": []}, "models"),
        ({"models": [{"name": "m"}]}, "exactly one of path, endpoint and scripted"),
        ({"models": ["a/m", "b/m"]}, "models share a name, got m, m"),
        ({"models": [{"scripted": {}}]}, "either answer or file"),
        ({"tasks": []}, "there is nothing to ask"),
        ({"tasks": [{"limit": 3}]}, "names a task with its data"),
        ({"tasks": [{"samples": "a", "data": {"path": "b"}}]}, "either samples or data"),
        ({"tasks": [{"samples": "a", "orders": 2}]}, "samples are made with their prompts"),
        ({"tasks": [{"task": "pope", "scoring": "lenient"}]}, "scoring"),
        ({"limit": 0}, "limit"),
    ],
)
def test_a_recipe_that_says_nothing_valid_is_refused(data, change, message) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe(data, **change) if "models" not in change else recipes.parse(
            {"name": "x", "tasks": [{"samples": "a"}], **change}, EvaluationRecipe, name="x"
        )


def test_what_is_not_there_is_said_before_anything_is_asked(data, tmp_path) -> None:
    with pytest.raises(TaskError, match=r"no task 'poppe'.*perhaps 'pope' is meant"):
        build(recipe(data, tasks=[{"task": "poppe", "data": {"path": str(data)}}]), tmp_path / "o")
    with pytest.raises(ArtifactError, match="there is no nenhures, neither in"):
        build(recipe(data, models=["nenhures"]), tmp_path / "o")
    with pytest.raises(ArtifactError, match="there is no test, neither in"):
        build(recipe(data, tasks=[{"samples": "test"}]), tmp_path / "o")
    with pytest.raises(GenerationError, match=r"127\.0\.0\.1"):
        build(
            recipe(data, models=[{"endpoint": {"url": "http://127.0.0.1:9/v1", "retries": 0}}]),
            tmp_path / "o",
        )
    assert not (tmp_path / "o").exists()


def test_every_task_has_a_name_of_its_own_and_says_what_it_measures() -> None:
    tasks = known_tasks()
    assert len(tasks) >= 40
    for name, task in tasks.items():
        assert name == task.name
        assert task.description.endswith(".")
        assert (task.read is None) == (name in MADE)


def test_recipes_that_ship_can_be_read() -> None:
    from amalia.pipeline.run import packaged_recipe

    path = packaged_recipe("mini/evaluation.yaml")
    tree = yaml.safe_load(path.read_text("utf-8"))
    assert recipes.load(path, EvaluationRecipe).labels == tuple(tree["models"])
