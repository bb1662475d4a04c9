"""Recipes: every problem at once, overrides, and an identity that only identity changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from amalia.errors import RecipeError
from amalia.recipe import Settings, differences, fingerprint, load, parse, read_yaml


class Cat(Settings):
    kind: Literal["cat"]
    lives: int = Field(default=7, gt=0)


class Dog(Settings):
    kind: Literal["dog"]
    tricks: tuple[str, ...] = ()


class Run(Settings):
    workers: int = Field(default=1, ge=0)


class Zoo(Settings):
    name: str
    lr: float = Field(default=1e-3, gt=0)
    answer: Literal["sim", "não"] = "sim"
    animals: tuple[Annotated[Cat | Dog, Field(discriminator="kind")], ...] = ()
    food: dict[Literal["fish", "bone"], float] = Field(default={})
    run: Run = Run()


def written(folder: Path, text: str) -> Path:
    path = folder / "zoo.yaml"
    path.write_text(text, "utf-8")
    return path


def refusal(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load(written(folder, text), Zoo, overrides)
    return str(caught.value)


def test_a_recipe_becomes_a_typed_value(tmp_path: Path) -> None:
    zoo = load(written(tmp_path, "name: Lisboa\nanimals: [{kind: cat}, {kind: dog}]\n"), Zoo)
    assert zoo == Zoo(name="Lisboa", animals=(Cat(kind="cat"), Dog(kind="dog")))


def test_every_problem_is_told_at_once_with_path_value_and_what_is_allowed(tmp_path: Path) -> None:
    text = """
        lr: -1
        answer: talvez
        anwser: sim
        animals:
          - {kind: cat, lives: many}
          - {kind: dog, trick: sit}
          - {kind: bird}
        food: {fish: 1, hay: 2}
        run: {workers: -3}
    """
    message = refusal(tmp_path, text)
    first, *lines = message.splitlines()
    assert first == f"{tmp_path / 'zoo.yaml'} has 9 problems:"
    found = dict(line.strip().split(": ", 1) for line in lines)
    assert found == {
        "name": "missing; it must be given",
        "lr": "got -1; input should be greater than 0",
        "answer": "got 'talvez'; input should be 'sim' or 'não'",
        "anwser": "unknown setting; did you mean answer? "
        "allowed: animals, answer, food, lr, name, run",
        "animals.0.lives": "got 'many'; input should be a valid integer, unable to parse string "
        "as an integer",
        "animals.1.trick": "unknown setting; did you mean tricks? allowed: kind, tricks",
        "animals.2": "got {'kind': 'bird'}; input tag 'bird' found using 'kind' does not match "
        "any of the expected tags: 'cat', 'dog'",
        "food.hay": "got 'hay'; input should be 'fish' or 'bone'",
        "run.workers": "got -3; input should be greater than or equal to 0",
    }


def test_one_problem_is_singular(tmp_path: Path) -> None:
    assert " has 1 problem:\n  name: missing" in refusal(tmp_path, "lr: 1\n")


def test_a_list_is_not_too_short_because_of_a_wrong_item() -> None:
    class Herd(Settings):
        cats: tuple[Cat, ...] = Field(min_length=1)

    with pytest.raises(RecipeError, match=r"^herd has 1 problem:\n  cats\.0\.kind: got 'dog'; .*$"):
        parse({"cats": [{"kind": "dog"}]}, Herd, name="herd")
    with pytest.raises(RecipeError, match=r"cats: got .*; tuple should have at least 1 item"):
        parse({"cats": []}, Herd, name="herd")


def test_something_missing_inside_a_union_is_named_by_its_path_in_the_file() -> None:
    class Bird(Settings):
        kind: Literal["bird"]
        song: str

    class Fish(Settings):
        kind: Literal["fish"]

    class Cage(Settings):
        who: Annotated[Bird | Fish, Field(discriminator="kind")]

    with pytest.raises(RecipeError, match=r"(?m)^  who\.song: missing; it must be given$"):
        parse({"who": {"kind": "bird"}}, Cage, name="cage")


def test_a_number_that_yaml_reads_as_text_is_a_number(tmp_path: Path) -> None:
    path = written(tmp_path, "name: x\nlr: 2e-5\n")
    assert read_yaml(path)["lr"] == "2e-5"
    assert load(path, Zoo).lr == 0.00002
    assert load(path, Zoo, ["lr=3e-4"]).lr == 0.0003


@pytest.mark.parametrize("number", ["nan", ".nan", ".inf", "inf"])
def test_numbers_are_finite(tmp_path: Path, number: str) -> None:
    assert "lr: got" in refusal(tmp_path, f"name: x\nlr: {number}\n")


@pytest.mark.parametrize("field", ["name", "answer"])
def test_a_bare_no_where_text_is_wanted_is_explained(tmp_path: Path, field: str) -> None:
    message = refusal(tmp_path, f"{field}: no\n")
    assert f"{field}: got False; input should be" in message
    assert "(YAML reads a bare yes, no, on or off as true or false; quote it)" in message
    assert "quote it" not in refusal(tmp_path, "name: [no]\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\nname: b\n", "key 'name' stands twice"),
        ("name: a\nrun: {workers: 1, workers: 2}\n", "key 'workers' stands twice"),
        ("name: a\nno: b\n", "key False is not text (quote it)"),
        ("1: b\n", "key 1 is not text (quote it)"),
        ("name: [a\n", "is not valid YAML"),
        ("- a\n- b\n", "holds list; a recipe is a mapping of names to values"),
        ("", "holds NoneType; a recipe is a mapping"),
        ("name: !!python/object/apply:os.getcwd []\n", "is not valid YAML"),
    ],
)
def test_files_that_are_no_recipes_are_refused_in_one_line(
    tmp_path: Path, text: str, said: str
) -> None:
    message = refusal(tmp_path, text)
    assert message.startswith(str(tmp_path / "zoo.yaml"))
    assert said in message
    assert "\n" not in message


def test_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"there is no recipe .*gone\.yaml; give the path"):
        load(tmp_path / "gone.yaml", Zoo)
    (tmp_path / "latin.yaml").write_bytes("name: coração".encode("latin-1"))
    with pytest.raises(RecipeError, match=r"latin\.yaml is not UTF-8 text: .* at byte 10"):
        load(tmp_path / "latin.yaml", Zoo)


def test_overrides_replace_add_and_reach_into_lists(tmp_path: Path) -> None:
    path = written(tmp_path, "name: Porto\nanimals: [{kind: cat}, {kind: dog}]\n")
    zoo = load(
        path,
        Zoo,
        [
            "animals.0.lives=9",
            "run.workers=4",
            "food.fish=2",
            "name=Vila do Conde",
            "animals.1={kind: cat}",
        ],
    )
    assert zoo.animals == (Cat(kind="cat", lives=9), Cat(kind="cat"))
    assert (zoo.run.workers, zoo.food, zoo.name) == (4, {"fish": 2.0}, "Vila do Conde")
    assert load(path, Zoo, ["lr=1", "lr=2"]).lr == 2.0


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("name", "override 'name' is not KEY=VALUE"),
        ("=1", "override '=1' is not KEY=VALUE"),
        ("run..workers=1", "is not KEY=VALUE"),
        ("animals.2.lives=1", "animals has 2 items, got index '2'"),
        ("animals.first.lives=1", "animals has 2 items, got index 'first'"),
        ("name.first=1", "name is 'Porto', not a group of settings"),
        ("name=[a", "the value of override 'name=[a' is not valid YAML"),
        ("run.worker=1", "run.worker: unknown setting; did you mean workers?"),
    ],
)
def test_overrides_that_say_nothing_valid_are_refused(
    tmp_path: Path, override: str, said: str
) -> None:
    text = "name: Porto\nanimals: [{kind: cat}, {kind: dog}]\n"
    assert said in refusal(tmp_path, text, override)


def test_a_long_value_is_shortened_in_messages(tmp_path: Path) -> None:
    message = refusal(tmp_path, f"name: x\nlr: {'a' * 500}\n")
    assert max(map(len, message.splitlines())) < 250


def test_fingerprint_ignores_execution_and_nothing_else() -> None:
    zoo = Zoo(name="x")
    assert fingerprint(zoo) == fingerprint(Zoo(name="x", run=Run(workers=8)))
    assert fingerprint(zoo) != fingerprint(Zoo(name="y"))
    assert fingerprint(zoo) != fingerprint(zoo, tower="abc")
    assert fingerprint(zoo, a="1", b="2") == fingerprint(zoo, b="2", a="1")
    assert fingerprint(zoo, a="1") != fingerprint(zoo, a="2")


def test_fingerprint_never_changes() -> None:
    # Artifacts on disk carry it: a change here makes all of them "made from another recipe".
    assert fingerprint({"b": [1, 2.5, None], "a": "ção", "run": {"x": 1}}) == "a4099df147b2e7d3"


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.none(), max_size=6))
def test_fingerprint_does_not_see_the_order_of_keys(tree: dict[str, Any]) -> None:
    turned = dict(reversed(tree.items()))
    assert fingerprint(tree) == fingerprint(turned)
    assert len(fingerprint(tree)) == 16


@pytest.mark.parametrize(
    "value",
    [{"a": {1, 2}}, {"a": Path("x")}, {"a": object()}, {"a": {1: "x"}}, {"a": [float("nan")]}],
)
def test_fingerprint_refuses_what_has_no_stable_form(value: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        fingerprint(value)


def test_differences_name_the_changed_fields() -> None:
    old = {"steps": 10, "schedule": {"decay": "cosine"}, "mixture": [1], "run": {"device": "cpu"}}
    new = {"steps": 20, "schedule": {"decay": "linear"}, "mixture": [1], "run": {"device": "cuda"}}
    assert differences(old, new) == ["schedule.decay: 'cosine' → 'linear'", "steps: 10 → 20"]
    assert differences(old, old) == []
    assert differences({}, {"seed": 1}) == ["seed: None → 1"]
