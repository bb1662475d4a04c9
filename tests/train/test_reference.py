"""Reference log-probabilities are computed once, stored, and used only where they belong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import make
import pytest
import torch

from amalia.device import Device
from amalia.model import export
from amalia.model.fork import collate_forks, fork_of
from amalia.model.render import Renderer
from amalia.records import Preference, Row
from amalia.train import reference
from amalia.train.objectives import answer_log_probs

CPU = Device("cpu", "float32", "a test", "test", 1, 0)
ROWS = [
    make.preference(("user", make.picture(30, 16), "O que vês?"), id="p1"),
    make.preference(id="p2", chosen="Está a chover.", rejected="Está chovendo muito hoje."),
    make.preference(id="p3", chosen="", rejected="Não sei."),
]


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    return export.load(tiny_model).eval()


def computed(
    model: Any,
    folder: Path,
    path: Path,
    rows: Sequence[Row[Preference]] = ROWS,
    *,
    fingerprint: str = "f",
    batch: int = 2,
) -> dict[str, reference.Pair]:
    return reference.compute(
        model,
        Renderer.load(folder),
        rows,
        path=path,
        model_fingerprint=fingerprint,
        batch=batch,
        device=CPU,
    )


def test_they_are_the_log_probabilities_of_the_answers(
    model: Any, tiny_model: Path, tmp_path: Path
) -> None:
    found = computed(model, tiny_model, tmp_path / "reference.json")
    renderer = Renderer.load(tiny_model)
    for row in ROWS:
        alone = collate_forks([fork_of(renderer, row)], pad_id=renderer.pad_id)
        with torch.no_grad():
            sums, _ = answer_log_probs(model, alone)
        assert found[reference.key(row)] == pytest.approx(tuple(sums.tolist()), rel=1e-5)


def test_what_is_stored_is_not_computed_again(model: Any, tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "reference.json"
    first = computed(model, tiny_model, path)
    # Without a model nothing can be computed.
    assert computed(None, tiny_model, path) == first
    assert computed(None, tiny_model, path, ROWS[:1]) == {
        key: first[key] for key in [reference.key(ROWS[0])]
    }
    more = computed(model, tiny_model, path, [*ROWS, make.preference(id="p4")])
    assert {key: more[key] for key in first} == first


def test_another_model_does_not_use_them(model: Any, tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "reference.json"
    computed(model, tiny_model, path)
    with pytest.raises(AttributeError):
        computed(None, tiny_model, path, fingerprint="g")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pairs": {"a": [1]}}', '{"pairs": {"a": 1}}'])
def test_a_foreign_file_is_computed_anew(
    model: Any, tiny_model: Path, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "reference.json"
    path.write_text(text)
    found = computed(model, tiny_model, path)
    assert json.loads(path.read_text())["pairs"] == {key: list(pair) for key, pair in found.items()}


def test_what_was_computed_before_a_stop_is_kept(
    model: Any, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "SAVE_EVERY_BATCHES", 1)
    calls = 0

    def stops(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return answer_log_probs(*arguments)

    monkeypatch.setattr(reference, "answer_log_probs", stops)
    path = tmp_path / "reference.json"
    with pytest.raises(KeyboardInterrupt):
        computed(model, tiny_model, path, batch=1)
    calls = 10
    assert len(computed(model, tiny_model, path, batch=1)) == 3
    assert calls == 11


def test_a_pair_that_occurs_twice_is_computed_once(
    model: Any, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def counted(model: Any, batch: Any) -> Any:
        sizes.append(len(batch.input_ids_BT))
        return answer_log_probs(model, batch)

    monkeypatch.setattr(reference, "answer_log_probs", counted)
    found = computed(model, tiny_model, tmp_path / "r.json", [ROWS[1], ROWS[1], ROWS[1]])
    assert (len(found), sizes) == (1, [1])


def test_the_key_is_what_the_numbers_depend_on() -> None:
    row = make.preference()
    assert reference.key(row) == reference.key(make.preference(reason="another_reason"))
    assert reference.key(row) != reference.key(make.preference(chosen="Outra resposta."))
    assert reference.key(row) != reference.key(make.preference(rejected="Outra resposta."))
    assert reference.key(row) != reference.key(make.preference(("user", "Outra pergunta?")))
    shown = [make.preference(("user", make.picture(color=color), "?")) for color in ("red", "blue")]
    assert reference.key(shown[0]) != reference.key(shown[1])
