"""Files that authors publish, read as they are; what is wrong with them is said before anything is asked."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from amalia.errors import TaskError
from amalia.evaluate import Source, read_benchmark
from amalia.evaluate.tasks.multiple_choice import TASK

ROWS = [
    {"question": f"Pergunta {n}?", "options": ["um", "dois", "três"], "answer": n % 3}
    for n in range(10)
]


def written(path, rows=ROWS):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows), "utf-8")
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        lines = [mark.join(rows[0])]
        for row in rows:
            cells = ['"' + str(value).replace('"', '""') + '"' for value in row.values()]
            lines.append(mark.join(cells))
        path.write_text("\ufeff" + "\n".join(lines), "utf-8")
    return path


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.json", "a.csv", "a.tsv"])
def test_every_form_gives_the_same_samples(tmp_path, name) -> None:
    found = read_benchmark(TASK, Source(path=str(written(tmp_path / name))))
    assert (len(found.rows), found.failed, found.license) == (10, (), "unknown")
    sample = found.rows[1].record
    assert (sample.id, sample.target) == ("multiple_choice/000001", "B")
    assert sample.prompt.turns[0].text == (
        "Pergunta 1?\nA. um\nB. dois\nC. três\nResponde só com a letra da opção certa."
    )


def test_a_mapping_from_ids_to_rows_is_read(tmp_path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"data": {f"p{n}": row for n, row in enumerate(ROWS)}}), "utf-8")
    found = read_benchmark(TASK, Source(path=str(path)))
    assert [row.record.id for row in found.rows][:2] == ["multiple_choice/p0", "multiple_choice/p1"]


def test_a_folder_is_read_by_its_split(tmp_path) -> None:
    written(tmp_path / "test-00000-of-00002.parquet")
    written(tmp_path / "test-00001-of-00002.parquet")
    written(tmp_path / "train.parquet", ROWS[:1])
    found = read_benchmark(TASK, Source(path=str(tmp_path), split="test"))
    assert len(found.rows) == 20
    with pytest.raises(TaskError, match="has no file of the split 'validation'; it has test-00000"):
        read_benchmark(TASK, Source(path=str(tmp_path), split="validation"))


def test_the_revision_is_that_of_the_bytes(tmp_path) -> None:
    path = written(tmp_path / "a.jsonl")
    first = read_benchmark(TASK, Source(path=str(path))).revision
    written(path, ROWS[:9])
    assert read_benchmark(TASK, Source(path=str(path))).revision != first


def test_a_limit_is_spread_and_orders_are_asked(tmp_path) -> None:
    source = Source(path=str(written(tmp_path / "a.jsonl")))
    found = read_benchmark(TASK, source, limit=3, orders=5, instruction="")
    questions = [row.record.prompt.turns[0].text.partition("?")[0] for row in found.rows[::3]]
    assert questions == ["Pergunta 0", "Pergunta 3", "Pergunta 6"]
    ids = [row.record.id.rpartition("/")[2] for row in found.rows[:3]]
    assert ids == ["000000", "000000~1", "000000~2"]  # three options, so three orders
    assert [row.record.target for row in found.rows[:3]] == ["A", "B", "C"]
    assert {row.record.unit for row in found.rows[:3]} == {"multiple_choice/000000"}
    assert found.rows[0].record.prompt.turns[0].text == "Pergunta 0?\nA. um\nB. dois\nC. três"


def test_columns_may_have_other_names(tmp_path) -> None:
    rows = [{"pergunta": "P?", "opções": ["a", "b"], "certa": "B"}]
    path = written(tmp_path / "a.jsonl", rows)
    names = {"question": "pergunta", "options": "opções", "answer": "certa"}
    found = read_benchmark(TASK, Source(path=str(path), columns=names, license="CC0-1.0"))
    assert (found.rows[0].record.target, found.license) == ("B", "CC0-1.0")
    message = (
        r"task multiple_choice: the data has no column 'question'; it has certa, opções, pergunta;"
        r" expected question, options, answer; say columns: \{question: ITS_NAME\}"
    )
    with pytest.raises(TaskError, match=message):
        read_benchmark(TASK, Source(path=str(path)))


def test_a_bad_row_is_a_failed_sample_and_the_others_stay(tmp_path) -> None:
    rows = [*ROWS[:3], {**ROWS[3], "answer": 9}, {**ROWS[4], "options": "um ou dois"}, ROWS[5]]
    found = read_benchmark(TASK, Source(path=str(written(tmp_path / "a.json", rows))))
    assert len(found.rows) == 4
    assert [(f.sample, f.reason) for f in found.failed] == [
        ("multiple_choice/000003", "answer_out_of_range"),
        ("multiple_choice/000004", "malformed_options"),
    ]
    assert found.failed[0].message == (
        "task multiple_choice, row 3 has the answer '9' in 'answer';"
        " expected one of its 3 options: 0 to 2 or A to C"
    )


def test_an_id_that_stands_twice_is_named(tmp_path) -> None:
    rows = [{**row, "id": f"q{n // 2}"} for n, row in enumerate(ROWS)]
    with pytest.raises(TaskError, match=r"the id 'q0' stands more than once in the data"):
        read_benchmark(TASK, Source(path=str(written(tmp_path / "a.jsonl", rows))))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.parquet", b"PAR1 nada"),
        ("a.json", b'[{"question": '),
        ("a.json", b"3"),
        ("a.jsonl", b"[1, 2]\n"),
        ("a.csv", b"question,answer\na,b,c\n"),
        ("a.csv", b"\xff\xfe\x00"),
        ("a.txt", b"texto"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_named(tmp_path, name, content) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TaskError, match=rf"task multiple_choice: .*{name} (cannot be|is not data)"):
        read_benchmark(TASK, Source(path=str(path)))


def test_what_is_not_there_is_said(tmp_path) -> None:
    with pytest.raises(
        TaskError, match=r"there is no .*none; expected a file or folder of .parquet"
    ):
        read_benchmark(TASK, Source(path=str(tmp_path / "none")))
    with pytest.raises(TaskError, match="has no data with it; expected data"):
        read_benchmark(TASK, None)
    empty = written(tmp_path / "a.json", [])
    with pytest.raises(TaskError, match="has no rows; give other data"):
        read_benchmark(TASK, Source(path=str(empty)))


def test_data_of_the_hub_has_a_commit_and_is_not_fetched_unasked() -> None:
    for wrong in (
        {},
        {"path": "a", "hub": "b"},
        {"hub": "amalia-llm/POPE-PT"},
        {"hub": "amalia-llm/POPE-PT", "revision": "main"},
    ):
        with pytest.raises(ValidationError):
            Source(**wrong)
    with pytest.raises(TaskError, match=r"cannot be had from the hub .*or give path"):
        read_benchmark(TASK, Source(hub="amalia-llm/POPE-PT", revision="a" * 40))
    with pytest.raises(TaskError, match="knows no published data"):
        read_benchmark(TASK, Source(hub="published", revision="a" * 40))
