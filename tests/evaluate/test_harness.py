"""Tasks of lm-eval, asked of our engines, in our log."""

import json

import pytest
import yaml

from amalia.errors import TaskError
from amalia.evaluate import EvalLog
from amalia.evaluate.harness import HarnessEntry, run_harness, with_harness
from amalia.inference import Scripted

# lm-eval and what it stands on warn of their own affairs.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
ROWS = [
    {"question": "Onde se apanha o comboio?", "choices": ["na estação", "na padaria"], "label": 0},
    {"question": "Onde se compra pão?", "choices": ["na estação", "na padaria"], "label": 1},
    {"question": "Onde se compram bilhetes?", "choices": ["na estação", "na padaria"], "label": 0},
]
CHOICE = {
    "task": "onde",
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_choice": "{{choices}}",
    "doc_to_target": "{{label}}",
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    "metadata": {"version": 2.0},
}
ANSWER = {
    "task": "escrito",
    "output_type": "generate_until",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{choices[label]}}",
    "generation_kwargs": {"max_gen_toks": 5, "do_sample": False, "until": ["."]},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Write two tasks over a local file."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS), "utf-8")
    data = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(rows)}, "cache_dir": str(tmp_path / "cache")},
        "test_split": "test",
    }
    for task in (CHOICE, ANSWER):
        path = tmp_path / f"{task['task']}.yaml"
        path.write_text(yaml.safe_dump({**task, **data}), "utf-8")
    return tmp_path


def test_choices_are_weighed_by_our_engine(folder) -> None:
    engine = Scripted({}, likelihood=lambda _, text: -1.0 if text == "na estação" else -2.0)
    (found,) = run_harness(engine, [HarnessEntry(task="onde", include=str(folder))])
    result = found.results["acc"]
    assert (found.task, result.value, result.n) == ("lm_eval:onde", pytest.approx(2 / 3), 3)
    assert result.low < result.value < result.high
    assert [outcome.value for outcome in found.outcomes] == [1, 0, 1]
    assert found.outcomes[1].texts == ("na estação",)
    assert found.outcomes[1].weights_nats == (-1.0, -2.0)
    assert found.samples[1].prompt.turns[0].text == "Onde se compra pão?"
    assert found.samples[1].choices == ("na estação", "na padaria")
    assert found.spec.version == 2
    empty = EvalLog(engine="m", tasks={}, results={})
    log = with_harness(empty, [found])
    assert log.results["lm_eval:onde"]["acc"] == result
    assert log.counts["lm_eval:onde"].asked == 3


def test_answers_are_generated_within_their_limits(folder) -> None:
    engine = Scripted(lambda _: "na padaria. E mais nada se pode dizer disto")
    entry = HarnessEntry(task="escrito", include=str(folder), limit=2)
    (found,) = run_harness(engine, [entry])
    assert [call.answer for call in engine.calls] == ["na padaria", "na padaria"]
    assert {call.sampling.max_new_tokens for call in engine.calls if call.sampling} == {5}
    assert (found.results["exact_match"].value, found.results["exact_match"].n) == (0.5, 2)
    assert [outcome.texts for outcome in found.outcomes] == [("na padaria",), ("na padaria",)]


def test_a_task_that_cannot_be_run_is_named(folder) -> None:
    with pytest.raises(TaskError, match=r"lm-eval cannot run the task 'nenhures'"):
        run_harness(Scripted([]), [HarnessEntry(task="nenhures", include=str(folder))])


def test_a_model_that_gives_no_answer_is_the_models_fault(folder) -> None:
    from amalia.errors import GenerationError

    with pytest.raises(GenerationError, match="used up"):
        run_harness(Scripted([]), [HarnessEntry(task="escrito", include=str(folder))])
