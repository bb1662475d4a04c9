"""Reference log-probabilities are computed once, stored in parts, and used only where they belong."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import make
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amalia.device import Device
from amalia.errors import ArtifactError, RecordError, TrainingError
from amalia.model import export
from amalia.model.fork import collate_forks, fork_of
from amalia.model.render import Renderer
from amalia.records import Preference, Record, Row
from amalia.train import reference
from amalia.train.objectives import answer_log_probs

CPU = Device("cpu", "float32", "a test", "test", 1, 0)
ROWS = [
    make.preference(("user", make.picture(30, 16), "O que vês?"), id="p1"),
    make.preference(id="p2", chosen="Está a chover.", rejected="Está chovendo muito hoje."),
    make.preference(id="p3", chosen="", rejected="Não sei."),
]
MANY = [
    make.preference(id=f"n{n}", chosen=f"São {n}." * (1 + n % 3), rejected=f"São {n + 1}.")
    for n in range(11)
]


class Listed:
    """Preferences in a list, some of which have a picture that cannot be read."""

    def __init__(self, rows: Sequence[Row[Preference]], unreadable: Sequence[int] = ()) -> None:
        self.rows = rows
        self.unreadable = unreadable
        self.looked_at: list[int] = []

    def __len__(self) -> int:
        return len(self.rows)

    def record(self, index: int) -> Record:
        return self.rows[index].record

    def row(self, index: int) -> Row[Preference]:
        self.looked_at.append(index)
        if index in self.unreadable:
            raise RecordError(f"picture of {self.rows[index].record.id} is torn")
        return self.rows[index]


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    return export.load(tiny_model).eval()


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pairs were computed at once, each time."""
    found: list[int] = []

    def counted(model: Any, batch: Any) -> Any:
        found.append(len(batch.input_ids_BT))
        return answer_log_probs(model, batch)

    monkeypatch.setattr(reference, "answer_log_probs", counted)
    return found


def computed(
    model: Any,
    exported: Path,
    folder: Path,
    rows: Sequence[Row[Preference]] | Listed = ROWS,
    *,
    fingerprint: str = "f",
    batch: int = 2,
    **more: Any,
) -> dict[str, reference.Pair]:
    return reference.compute(
        model,
        Renderer.load(exported),
        [rows if isinstance(rows, Listed) else Listed(rows)],
        folder=folder,
        model_fingerprint=fingerprint,
        batch=batch,
        device=CPU,
        **{"max_tokens": 512, **more},
    )


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_they_are_the_log_probabilities_of_the_answers(
    model: Any, tiny_model: Path, tmp_path: Path
) -> None:
    found = computed(model, tiny_model, tmp_path)
    renderer = Renderer.load(tiny_model)
    assert list(found) == [reference.key(row) for row in ROWS]
    for row in ROWS:
        alone = collate_forks([fork_of(renderer, row)], pad_id=renderer.pad_id)
        with torch.no_grad():
            sums, _ = answer_log_probs(model, alone)
        assert found[reference.key(row)] == pytest.approx(tuple(sums.tolist()), rel=1e-5)


def test_what_is_stored_is_not_computed_again_but_looked_into(
    model: Any, tiny_model: Path, tmp_path: Path, sizes: list[int]
) -> None:
    first = computed(model, tiny_model, tmp_path, MANY, batch=4)
    assert sizes == [4, 4, 3]
    sizes.clear()
    again = Listed(MANY)
    assert computed(model, tiny_model, tmp_path, again, batch=4) == first
    assert (sizes, again.looked_at) == ([1, 1, 1, 1], [0, 3, 6, 10])
    assert parts(tmp_path) == ["part-00000-00000.parquet"]
    few = computed(model, tiny_model, tmp_path, MANY[:1])
    assert few == {key: first[key] for key in [reference.key(MANY[0])]}
    more = computed(model, tiny_model, tmp_path, [*MANY, ROWS[0]])
    assert {key: more[key] for key in first} == first
    assert parts(tmp_path) == ["part-00000-00000.parquet", "part-00000-00001.parquet"]


def test_another_model_or_number_format_does_not_use_them(
    model: Any, tiny_model: Path, tmp_path: Path, sizes: list[int]
) -> None:
    computed(model, tiny_model, tmp_path, batch=3)
    computed(model, tiny_model, tmp_path, batch=3, fingerprint="g")
    assert sizes == [3, 3]
    assert parts(tmp_path) == ["part-00000-00000.parquet"]
    half = Device("cpu", "bfloat16", "a test", "test", 1, 0)
    assert reference._identity("f", half) != reference._identity("f", CPU)


def changed(path: Path, **columns: Any) -> None:
    table = pq.read_table(path)
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), pa.array(values, pa.float32()))
    pq.write_table(table, path)


def test_stored_values_the_model_does_not_give_are_refused(
    model: Any, tiny_model: Path, tmp_path: Path
) -> None:
    found = computed(model, tiny_model, tmp_path, [ROWS[1]])
    ((chosen, rejected),) = found.values()
    path = tmp_path / "part-00000-00000.parquet"
    changed(path, chosen=[chosen + 0.0005])
    computed(model, tiny_model, tmp_path, [ROWS[1]])
    changed(path, chosen=[chosen - 2.5])
    with pytest.raises(ArtifactError) as refused:
        computed(model, tiny_model, tmp_path, [ROWS[1]])
    assert str(refused.value) == (
        f"the reference log-probabilities in {tmp_path} are not those of the model: of record p2 got "
        f"{chosen - 2.5:.3f} and {rejected:.3f}, expected {chosen:.3f} and {rejected:.3f}; "
        f"remove {tmp_path} to compute them again"
    )


@pytest.mark.parametrize("damage", ["empty", "text", "half", "flipped", "nan", "column"])
def test_a_damaged_part_is_computed_anew(
    model: Any, tiny_model: Path, tmp_path: Path, sizes: list[int], damage: str
) -> None:
    computed(model, tiny_model, tmp_path, ROWS[:1])
    first = computed(model, tiny_model, tmp_path)
    path = tmp_path / "part-00000-00001.parquet"
    data = path.read_bytes()
    if damage == "nan":
        changed(path, rejected=[float("nan"), -1.0])
    elif damage == "column":
        pq.write_table(pq.read_table(path).drop_columns(["rejected"]), path)
    elif damage == "flipped":  # in the first page, the header of the file being PAR1
        path.write_bytes(data[:40] + bytes([data[40] ^ 255]) + data[41:])
    else:
        path.write_bytes({"empty": b"", "text": b"{}", "half": data[: len(data) // 2]}[damage])
    sizes.clear()
    assert computed(model, tiny_model, tmp_path) == first
    assert sizes == [1, 2]
    assert parts(tmp_path) == ["part-00000-00000.parquet", "part-00000-00001.parquet"]


def test_after_a_stop_only_the_rest_is_computed(
    model: Any, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "PART_EVERY_S", 0)
    calls = 0

    def stops(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return answer_log_probs(*arguments)

    monkeypatch.setattr(reference, "answer_log_probs", stops)
    with pytest.raises(KeyboardInterrupt):
        computed(model, tiny_model, tmp_path, batch=1)
    assert parts(tmp_path) == ["part-00000-00000.parquet", "part-00000-00001.parquet"]
    # A kill in the middle of writing leaves this.
    (tmp_path / "part-00000-00002.tmp").write_bytes(b"PAR1")
    calls = 10
    rest = Listed(ROWS)
    assert len(computed(model, tiny_model, tmp_path, rest, batch=1)) == 3
    # Two that are stored are looked into, and the third computed.
    assert calls == 13
    assert len(set(rest.looked_at)) == 3
    names = [f"part-00000-{number:05d}.parquet" for number in range(3)]
    assert parts(tmp_path) == names


def test_a_pair_that_occurs_twice_is_computed_once(
    model: Any, tiny_model: Path, tmp_path: Path, sizes: list[int]
) -> None:
    found = computed(model, tiny_model, tmp_path, [ROWS[1], ROWS[1], ROWS[1]])
    assert (len(found), sizes) == (1, [1])


def test_what_is_too_long_or_cannot_be_read_is_left_out(
    model: Any, tiny_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    renderer = Renderer.load(tiny_model)
    longest = [fork_of(renderer, row).longest for row in ROWS]
    rows = Listed(ROWS, unreadable=[1])
    found = computed(model, tiny_model, tmp_path, rows, max_tokens=max(longest) - 1)
    assert longest.index(max(longest)) == 0
    assert list(found) == [reference.key(ROWS[2])]
    assert 0 not in rows.looked_at
    assert caplog.messages == ["no reference log-probability: picture of p2 is torn"]
    assert len(computed(model, tiny_model, tmp_path, max_tokens=max(longest))) == 3


def test_tokens_computed_at_once_are_bounded(
    model: Any, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, int]] = []

    def counted(model: Any, batch: Any) -> Any:
        shapes.append(tuple(batch.input_ids_BT.shape))
        return answer_log_probs(model, batch)

    monkeypatch.setattr(reference, "answer_log_probs", counted)
    longest = max(len(fork_of(Renderer.load(tiny_model), row)) for row in MANY)
    most = 3 * longest
    computed(model, tiny_model, tmp_path / "a", MANY, batch=11, batch_tokens=most)
    assert sum(rows for rows, _ in shapes) == 11
    # Shorter ones first: one more of the length of the next portion would be beyond.
    for (rows, tokens), (_, following) in pairwise([*shapes, (0, most)]):
        assert rows * tokens <= most < (rows + 1) * following
    shapes.clear()
    computed(model, tiny_model, tmp_path / "b", MANY, batch=11, batch_tokens=1)
    assert [rows for rows, _ in shapes] == [1] * 11


def test_a_value_that_is_not_finite_names_its_record(
    model: Any, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        reference, "answer_log_probs", lambda *_: (torch.tensor([-1.0, float("nan")]), None)
    )
    with pytest.raises(TrainingError, match=r"-1.0 and nan of record p2 are not finite; look"):
        computed(model, tiny_model, tmp_path, [ROWS[1]])


def computed_by(
    world: int, model: Any, exported: Path, folder: Path, rows: Sequence[Row[Preference]]
) -> list[tuple[dict[str, reference.Pair], list[int]]]:
    """What each of several processes gives, and which rows it looked at; threads play the processes."""
    barrier = threading.Barrier(world, timeout=60)
    said: list[int] = [0] * world
    found: dict[int, tuple[dict[str, reference.Pair], list[int]]] = {}

    def one(rank: int) -> None:
        def largest(number: int) -> int:
            said[rank] = number
            barrier.wait()
            most = max(said)
            barrier.wait()
            return most

        listed = Listed(rows)
        pairs = computed(model, exported, folder, listed, rank=rank, world=world, largest=largest)
        found[rank] = (pairs, listed.looked_at)

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(world)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[rank] for rank in range(world)]


def test_several_processes_share_the_work_in_as_many_rounds(
    model: Any, tiny_model: Path, tmp_path: Path, sizes: list[int]
) -> None:
    alone = computed(model, tiny_model, tmp_path / "alone", MANY)
    sizes.clear()
    several = computed_by(3, model, tiny_model, tmp_path / "several", MANY)
    for pairs, _ in several:
        assert list(pairs) == list(alone)
        for name, pair in pairs.items():
            assert pair == pytest.approx(alone[name], rel=1e-5)
    assert [sorted(looked_at) for _, looked_at in several] == [
        [0, 1, 2],
        [3, 4, 5, 6],
        [7, 8, 9, 10],
    ]
    # Two rounds each: 2 + 1, 2 + 2 and 2 + 2 pairs.
    assert sorted(sizes) == [1, 2, 2, 2, 2, 2]
    assert parts(tmp_path / "several") == [f"part-0000{rank}-00000.parquet" for rank in range(3)]
    sizes.clear()
    # Another number of processes goes on with what these have stored: one has one pair, one none.
    (tmp_path / "several/part-00001-00000.parquet").write_bytes(b"torn")
    (tmp_path / "several/part-00002-00000.parquet").unlink()
    resumed = computed_by(2, model, tiny_model, tmp_path / "several", MANY[:4])
    assert [list(pairs) for pairs, _ in resumed] == [list(alone)[:4]] * 2
    # Each looks into the three that are stored; then the first has nothing and computes along.
    assert sizes == [1] * 8
    assert parts(tmp_path / "several") == [f"part-0000{rank}-00000.parquet" for rank in range(2)]


@given(st.integers(0, 40), st.integers(1, 7))
def test_shares_are_all_of_it_in_order_and_equal_to_one(count: int, world: int) -> None:
    places = [reference._Place(Listed([]), index, str(index)) for index in range(count)]
    shares = [reference._share(places, rank, world) for rank in range(world)]
    assert [place for share in shares for place in share] == places
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_the_key_is_what_the_numbers_depend_on() -> None:
    row = make.preference()
    assert reference.key(row) == reference.key(make.preference(reason="another_reason"))
    assert reference.key(row) != reference.key(make.preference(chosen="Outra resposta."))
    assert reference.key(row) != reference.key(make.preference(rejected="Outra resposta."))
    assert reference.key(row) != reference.key(make.preference(("user", "Outra pergunta?")))
    shown = [make.preference(("user", make.picture(color=color), "?")) for color in ("red", "blue")]
    assert reference.key(shown[0]) != reference.key(shown[1])
