"""``amalia keys``: the key on stdout, the rest on stderr, and no key a second time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amalia.cli.app import app
from amalia.errors import ArtifactError
from amalia.serve.keys import Keys

cli = CliRunner()


def test_a_key_is_made_listed_and_revoked(tmp_path: Path):
    path = str(tmp_path / "chaves.json")
    made = cli.invoke(
        app,
        ["keys", "new", path, "museu", "--requests-per-minute", "60", "--tokens-per-minute", "9000",
         "--images-per-minute", "5", "--expires", "2099-12-31"],
    )  # fmt: skip
    assert made.exit_code == 0
    key = made.stdout.strip()
    assert key not in made.stderr
    caller = Keys.load(Path(path)).authenticate(f"Bearer {key}")
    assert caller.id == "museu"
    assert caller.limits.model_dump() == {
        "requests_per_minute": 60, "tokens_per_minute": 9000, "images_per_minute": 5,
    }  # fmt: skip
    cli.invoke(app, ["keys", "new", path, "jornal"])

    listed = cli.invoke(app, ["keys", "list", path]).stdout
    assert listed == (
        "museu\tgood until 2099-12-31\t60 requests/min, 9000 tokens/min, 5 images/min\njornal\tgood\tno limits\n"
    )
    assert cli.invoke(app, ["keys", "revoke", path, "jornal"]).stdout == "revoked jornal\n"
    rows = [
        json.loads(line)
        for line in cli.invoke(app, ["keys", "list", path, "--json"]).stdout.splitlines()
    ]
    assert [row["revoked"] is None for row in rows] == [True, False]
    assert all("sha256" not in row for row in rows)
    assert "revoked 20" in cli.invoke(app, ["keys", "list", path]).stdout


def test_mistakes_are_errors_of_the_tree(tmp_path: Path):
    path = str(tmp_path / "chaves.json")
    for arguments in (["list", path], ["revoke", path, "museu"], ["new", path, "a b"]):
        assert isinstance(cli.invoke(app, ["keys", *arguments]).exception, ArtifactError)
    assert cli.invoke(app, ["keys", "new", path, "a", "--requests-per-minute", "0"]).exit_code == 2
    assert cli.invoke(app, ["keys", "new", path, "a", "--expires", "amanhã"]).exit_code == 2
    with pytest.raises(ArtifactError):
        Keys.load(Path(path))
