"""``amalia verify``: what is printed, and which exit code says what."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from local_server import LocalServer, Manner
from typer.testing import CliRunner, Result

from amalia import manifest
from amalia.cli.app import app
from amalia.device import detect
from amalia.errors import ArtifactError
from amalia.inference.local import Local
from amalia.model.render import Renderer
from amalia.pipeline import parity
from amalia.pipeline.parity import Report
from amalia.pipeline.parity_comparison import Comparison, Measure, Place


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command tells transformers to be quiet by a variable; it ends with the test."""
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "error")


def verify(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def comparison(stage: Any = "first token", **more: Any) -> Comparison:
    fields: dict[str, Any] = {
        "stage": stage, "about": "pictures", "left": "transformers", "right": "engine",
        "measure": Measure("nats", 0.02), "num_prompts": 22, "num_agree": 22, "num_ties": 0,
        "worst": 0.00153, "note": "", "parting": None, "tie": None,
    }  # fmt: skip
    return Comparison(**{**fields, **more})


def report(*comparisons: Comparison, **more: Any) -> Report:
    fields: dict[str, Any] = {
        "model": "sft@0123", "server": "amalia-vl at http://127.0.0.1:8100/v1", "num_prompts": 29,
        "num_pictures": 22, "sees": True, "too_long": (), "comparisons": comparisons,
    }  # fmt: skip
    return Report(**{**fields, **more})


def shown(found: Report, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setattr(parity, "verify", lambda *_, **__: found)
    return verify("model", *arguments)


def test_agreement_is_a_table_and_exit_code_0(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = comparison("pixels", num_prompts=0, worst=None, note="a server does not tell")
    done = shown(report(comparison(), silent), monkeypatch)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "model    sft@0123",
        "engine   amalia-vl at http://127.0.0.1:8100/v1",
        "prompts  29, 22 of them with pictures",
        "",
        "stage                   between                    prompts  agree  ties  worst        allowed",
        "first token, pictures   transformers – engine           22     22     0  0.0015 nats  0.02 nats",
        "pixels                  transformers – engine            –"
        "                                       not told: a server does not tell",
        "",
        "All sides agree.",
    ]


def test_where_sides_part_is_said_last_and_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place("picture 3, 97×95 px", "token 59 'V' has -0.9660 and -1.2000 nats")
    parted = comparison(num_agree=21, parting=place)
    later = comparison("greedy text", parting=Place("text", "elsewhere"))
    done = shown(report(comparison("pixels"), parted, later), monkeypatch)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == (
        "part   at first token, pictures, transformers and engine: picture 3, 97×95 px: "
        "token 59 'V' has -0.9660 and -1.2000 nats"
    )


def test_a_tie_is_told_and_is_no_parting(monkeypatch: pytest.MonkeyPatch) -> None:
    tie = Place("text, emoji", "token 4 of the answer, 12 'a': 'a' and 'e', 0.000100 nats apart")
    tied = comparison("greedy text", num_agree=21, num_ties=1, measure=Measure(), tie=tie)
    done = shown(report(tied), monkeypatch)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-2:] == [
        f"tied   at greedy text, pictures, transformers and engine: {tie.prompt}: {tie.where}",
        "No sides part; ties are left to rounding.",
    ]


def test_prompts_left_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    names = tuple(f"picture {number}" for number in range(1, 7))
    done = shown(report(comparison(), too_long=names, sees=False, server=None), monkeypatch)
    assert done.stdout.splitlines()[1:3] == [
        "prompts  29, it reads text only",
        "too long 6 left out: picture 1; picture 2; picture 3; picture 4; …",
    ]


def test_json_holds_what_the_table_does(monkeypatch: pytest.MonkeyPatch) -> None:
    done = shown(report(comparison()), monkeypatch, "--json")
    found = json.loads(done.stdout)
    assert found["agrees"] is True
    assert found["comparisons"][0]["measure"] == {"unit": "nats", "tolerance": 0.02}
    assert found["comparisons"][0]["parting"] is None


def test_a_model_is_compared_with_a_server_that_has_it(tiny_language: Path) -> None:
    local = Local.load(tiny_language, device=detect())
    manner = Manner(text=lambda text: f"{text}!")
    with LocalServer(local, Renderer.load(tiny_language), manner) as served:
        done = verify(tiny_language, "--against", served.url, "--pictures", "0", "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert found["agrees"] is False
    assert [item["stage"] for item in found["comparisons"] if item["parting"]] == ["greedy text"]


def test_a_changed_template_is_exit_code_1(tiny_language: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_language, folder)
    (folder / manifest.FILE_NAME).unlink()
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text("utf-8").replace("'<|im_end|>", "' <|im_end|>"), "utf-8")
    done = verify(folder)
    assert done.exit_code == 1
    assert "part   at rendered ids, trainer and transformers: text, plain: token " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/nowhere"], "error: /nowhere has no config.json; expected an exported model\n"),
        (["/nowhere", "--against", "host:1"], "error: --against got 'host:1'; expected http://HOST:PORT/v1 or"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_one_line_and_exit_code_2(
    arguments: list[str], said: str
) -> None:
    done = verify(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_an_error_of_a_model_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Report:
        raise ArtifactError("no weights; export again")

    monkeypatch.setattr(parity, "verify", refuse)
    done = verify("model")
    assert (done.exit_code, done.stderr) == (2, "error: no weights; export again\n")
