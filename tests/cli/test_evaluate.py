"""``amalia eval`` as a program sees it: exit codes, results on stdout, one clear line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import make
import pytest
import yaml
from typer.testing import CliRunner

from amalia.cli.app import app, main
from amalia.store import write_rows as write_shard

ROWS = [
    {"question": f"Pergunta {n}?", "options": ["um", "dois", "três"], "answer": n % 3}
    for n in range(6)
]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a recipe that asks two scripted models six questions."""
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path, ROWS)
    tree = {
        "name": "ensaio",
        "models": [
            {"name": "b", "scripted": {"answer": "A resposta correta é a B."}},
            {"name": "c", "scripted": {"answer": "Ônibus não é resposta: diria que é a C."}},
        ],
        "tasks": [{"task": "multiple_choice", "data": {"path": "rows.jsonl"}}],
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(tree), "utf-8")
    return path


def write_rows(folder: Path, rows: list[dict[str, object]]) -> None:
    (folder / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows), "utf-8")


def run(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["eval", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def test_a_recipe_is_run_and_reported(recipe: Path) -> None:
    code, said = run(recipe, "--out", "out")
    assert code == 0
    assert "multiple_choice" in said
    assert "cannot tell" in said
    code, said = run("report", "out", "--json")
    assert code == 0
    assert json.loads(said)
    for kind in ("--markdown", "--latex", "--card"):
        code, said = run("report", "out", kind)
        assert (code, "accuracy" in said) == (0, True)


def test_a_report_is_one_file_without_a_network(recipe: Path, tmp_path: Path) -> None:
    run(recipe, "--out", "out")
    code, _ = run("report", "out", "--html", "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert code == 0
    assert 'lang="pt-PT"' in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_a_limit_and_a_plan(recipe: Path, tmp_path: Path) -> None:
    code, said = run(recipe, "--dry-run", "--limit", "3", "--out", "out")
    assert code == 0
    assert yaml.safe_load(said.partition("\n\n")[0])["limit"] == 3
    assert "multiple_choice                 3         3" in said
    assert not (tmp_path / "out").exists()
    run(recipe, "--limit", "3", "--out", "out")
    spec = json.loads((tmp_path / "out/b/results.json").read_text("utf-8"))
    assert spec["counts"]["multiple_choice"]["asked"] == 3


def test_more_than_one_in_a_hundred_failed_is_exit_1(recipe: Path, tmp_path: Path) -> None:
    write_rows(tmp_path, [*ROWS, {**ROWS[0], "answer": 12}])
    code, said = run(recipe, "--out", "out")
    assert code == 1
    assert "1 failed" in said
    assert run("report", "out")[0] == 1


def test_scoring_again_and_explaining(recipe: Path, tmp_path: Path) -> None:
    data = [
        {
            "image": {"bytes": None, "path": "a.png"},
            "question": f"Onde está {n}?",
            "answer_options": ["em cima", "em baixo", "à esquerda", "à direita"],
            "answer": 1,
            "relation": "below",
            "data_source": "ai2thor",
        }
        for n in range(3)
    ]
    (tmp_path / "a.png").write_bytes(make.picture(40, 24))
    write_rows(tmp_path, data)
    tree = yaml.safe_load(recipe.read_text("utf-8"))
    tree["models"] = tree["models"][:1]
    tree["tasks"] = [{"task": "embspatial", "data": {"path": "rows.jsonl"}}]
    recipe.write_text(yaml.safe_dump(tree), "utf-8")
    code, _ = run(recipe, "--out", "out")
    assert code == 0
    code, said = run("rescore", "out", "--explain")
    assert code == 0
    assert "embspatial/000000: ours 1, upstream 0 (right: 'B')" in said
    assert "upstream read 'A', ours 'B'" in said
    assert said.endswith("3 samples differ\n")
    code, said = run("rescore", "out", "--scoring", "upstream", "--json")
    assert code == 0
    found = json.loads((tmp_path / "out-upstream/b/results.json").read_text("utf-8"))
    assert next(iter(found["results"]["embspatial"].values()))["value"] == 0
    lines = [
        json.loads(line)
        for line in run("rescore", "out", "--explain", "--json")[1].split("\n")[:-1]
    ]
    assert [line["ours"] for line in lines] == [1, 1, 1]


def test_the_tasks_there_are() -> None:
    code, said = run("tasks", "--json")
    found = json.loads(said)
    assert code == 0
    assert found["mmmu"]["license"] == "CC-BY-NC-4.0"
    assert found["pope"]["metrics"] == ["accuracy", "precision", "recall", "f1", "yes_share"]
    assert "pope" in run("tasks")[1]


def test_a_judge_is_put_beside_people(recipe: Path, tmp_path: Path) -> None:
    del recipe
    lines = ["id,Prompt,Answer A (5),Rating,Answer B (4-3),Rating.1"]
    lines += [
        f"{n},O que é um verbo?,Uma palavra que diz o que se faz.,5,Um nome.,2" for n in range(4)
    ]
    (tmp_path / "graded.csv").write_text("\n".join(lines), "utf-8")
    tree = {
        "judge": {"scripted": {"answer": "Está certo.\nNota: 5"}},
        "graded": "graded.csv",
        "pairs": 2,
    }
    (tmp_path / "judge.yaml").write_text(yaml.safe_dump(tree), "utf-8")
    code, said = run("judge-agreement", "judge.yaml", "--out", "judge")
    assert code == 0
    assert "8 graded answers; 0 replies cannot be read" in said
    assert "length only" in said
    code, said = run("judge-agreement", "judge.yaml", "--out", "judge", "--json")
    assert json.loads(said)["overall"]["exact"]["value"] == 0.5
    code, said = run("judge-agreement", "judge.yaml", "--dry-run")
    assert yaml.safe_load(said)["pairs"] == 2


def test_questions_are_looked_for_in_training_data(recipe: Path, tmp_path: Path) -> None:
    text = "Em que estação de Lisboa se apanha o comboio que vai para o Porto ao fim da tarde?"
    rows = [
        {"question": text, "options": ["Oriente", "Rossio"], "answer": 0},
        {
            "question": "Quantas pontes atravessam o Tejo entre Vila Franca de Xira e a foz do rio?",
            "options": ["duas", "três"],
            "answer": 1,
        },
    ]
    write_rows(tmp_path, rows)
    chat = make.conversation(("user", f"Diz-me: {text}"), ("assistant", "No Oriente."), id="c7")
    made = tmp_path / "chats"
    made.mkdir()
    write_shard(made / "a.parquet", "conversations", [chat])
    make.finish(made, "conversations")
    code, said = run("contamination", recipe, "chats")
    assert code == 0
    assert "multiple_choice" in said
    assert "50.0%" in said
    assert "chats: 1 records" in said
    assert "multiple_choice/000000 in chats (c7)" in said
    found = json.loads(run("contamination", recipe, "chats", "--json")[1])
    assert found["tasks"]["multiple_choice"]["num_found"] == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["none.yaml"], "there is no recipe none.yaml"),
        (["recipe.yaml", "tasks.0.task=poppe"], "there is no task 'poppe'"),
        (["recipe.yaml", "tasks.0.data.path=none.csv"], "there is no none.csv"),
        (["recipe.yaml", "tasks.0.data.columns={question: pergunta}"], "has no column 'question'"),
        (["recipe.yaml", "limitt=3"], "limitt: unknown setting; did you mean limit?"),
        (["report", "nowhere"], "nowhere holds no evaluation"),
        (["rescore", "nowhere"], "nowhere holds no evaluation"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_2(
    recipe: Path,
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del recipe
    monkeypatch.setattr("sys.argv", ["amalia", "eval", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
    assert "Traceback" not in said.err
