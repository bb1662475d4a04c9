"""Which Portuguese a pipeline's texts are in: what was learnt from, and what the models answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from amalia.evaluate import read_log
from amalia.manifest import Manifest
from amalia.pipeline.evaluation_recipe import EvaluationRecipe
from amalia.records import Conversation, Document, Row
from amalia.report import VarietyRow
from amalia.store import read_rows
from amalia.variety import detect_many

# The first of an artifact are as good as any: records are drawn in no order.
_MAX_TEXTS = 2000
_TEXTS = ("documents", "conversations")


def varieties(
    artifacts: Sequence[Manifest], folder: Path, evaluation: EvaluationRecipe | None
) -> Iterator[VarietyRow]:
    """Count varieties in the text-only artifacts and in the answers of each evaluated model.

    Args:
        artifacts: Manifests of the pipeline, in order.
        folder: Where they are.
        evaluation: What was asked of which models, if anything was.
    """
    for artifact in artifacts:
        if artifact.kind in _TEXTS and artifact.counts.records:
            texts = list(islice(_texts(read_rows(folder / artifact.name)), _MAX_TEXTS))
            if texts:
                yield _row(artifact.name, texts)
    if evaluation is None:
        return
    for model in evaluation.labels:
        outcomes = read_log(folder / evaluation.name / model).outcomes
        said = [
            o.text for o in outcomes if o.condition == "seen" and o.texts and not o.weights_nats
        ]
        if said:
            yield _row(model, said, is_answers=True)


def _texts(rows: Iterable[Row[Any]]) -> Iterator[str]:
    """Give documents, and the answers of conversations, up to the first record with a picture."""
    for row in rows:
        if row.images:
            return
        if isinstance(row.record, Document):
            yield row.record.text
        elif isinstance(row.record, Conversation):
            yield from (turn.text for turn in row.record.turns if turn.role == "assistant")


def _row(name: str, texts: Sequence[str], *, is_answers: bool = False) -> VarietyRow:
    labels = Counter[str](found.label for found in detect_many(texts))
    shares = {label: count / len(texts) for label, count in labels.items()}
    return VarietyRow(name, len(texts), shares, is_answers)
