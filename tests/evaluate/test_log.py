"""The log folder: what is written is what is read, and what is damaged is named."""

import json

import pyarrow.parquet as pq
import pytest

from amalia.errors import ArtifactError
from amalia.evaluate import (
    Spec,
    evaluate,
    mini_tasks,
    of_samples,
    read_log,
    read_results,
    spec_of,
    summarize,
    worst_pictures,
    write_log,
)
from amalia.evaluate.log import logs_in
from amalia.inference import Scripted

TASKS = mini_tasks(["gato", "cão"])


@pytest.fixture
def logged(make_row, tmp_path):
    """Write a log of two samples; give its folder and what was written."""
    rows = [make_row("a", color=(200, 0, 0)), make_row("b", target="cão", color=(0, 0, 200))]
    benchmarks = of_samples(rows, TASKS, where="test")
    outcomes = evaluate(Scripted(lambda _: "Um gato.\u2028E «mais»\r\n\x85 nada."), benchmarks)
    samples = [row.record for row in rows]
    log = summarize("m1", TASKS, {sample.id: sample for sample in samples}, outcomes)
    spec = Spec(engine="m1", tasks={"naming": spec_of(benchmarks[0])}, blind=True)
    folder = tmp_path / "evaluation" / "m1"
    folder.mkdir(parents=True)
    pictures = worst_pictures({row.record.id: row for row in rows}, outcomes)
    write_log(folder, spec, log, samples=samples, outcomes=outcomes, pictures=pictures)
    return folder, spec, log, samples, outcomes


def test_what_is_written_is_read(logged) -> None:
    folder, spec, log, samples, outcomes = logged
    found = read_log(folder)
    assert (found.spec, found.log) == (spec, log)
    assert found.outcomes == tuple(outcomes)
    assert list(found.samples.values()) == samples
    assert set(found.pictures) == {"a", "b"}
    assert all(data.startswith(b"\xff\xd8\xff") for data in found.pictures.values())
    assert read_results(folder) == (spec, log)


def test_the_samples_can_be_read_by_anybody(logged) -> None:
    rows = pq.read_table(logged[0] / "samples.parquet").to_pylist()
    first = {name: rows[0][name] for name in ("sample", "question", "target", "value", "answer")}
    assert first == {
        "sample": "a",
        "question": "O que é isto?",
        "target": "gato",
        "value": 1.0,
        "answer": "gato",
    }
    assert [(row["sample"], row["condition"]) for row in rows] == [
        ("a", "seen"),
        ("b", "seen"),
        ("a", "blind"),
        ("b", "blind"),
    ]


def test_a_path_may_be_a_log_or_a_folder_of_logs(logged, tmp_path) -> None:
    folder = logged[0]
    assert logs_in(folder) == logs_in(folder.parent) == [folder]
    with pytest.raises(
        ArtifactError, match=r"holds no evaluation; expected a folder with spec.json"
    ):
        logs_in(tmp_path)
    (tmp_path / "half.partial").mkdir()
    with pytest.raises(ArtifactError, match="is unfinished; run its recipe again"):
        logs_in(tmp_path / "half")


@pytest.mark.parametrize("name", ["spec.json", "results.json", "samples.parquet"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff\xfe"])
def test_a_damaged_log_is_named(logged, name, content) -> None:
    path = logged[0] / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"{name} is not part of an evaluation log"):
        read_log(logged[0])


def test_two_equal_runs_give_equal_results(logged) -> None:
    folder, spec, log, samples, outcomes = logged
    before = (folder / "results.json").read_bytes()
    write_log(folder, spec, log, samples=samples, outcomes=outcomes)
    assert (folder / "results.json").read_bytes() == before
    assert {"value", "standard_error", "low", "high", "n"} <= set(
        json.loads(before)["results"]["naming"]["accuracy"]
    )
