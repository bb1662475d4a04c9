"""The last step of a pipeline: the model says what it sees in a picture nobody has shown it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from amalia import manifest as manifests
from amalia.device import detect
from amalia.errors import ArtifactError
from amalia.inference import Sampling, complete
from amalia.recipe import Settings
from amalia.records import Row, Sample
from amalia.store import read_rows, write_text

FILE_NAME = "answer.json"


class AnswerRecipe(Settings):
    """One question to one model."""

    model: str
    """Model artifact of the pipeline."""
    samples: str
    """Sample artifact the question is taken from."""
    sample: int = 0
    """Which of them, from 0."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A held-out picture, the question, the known answer and the model's."""

    picture: bytes
    question: str
    gold: str
    answer: str


def build(recipe: AnswerRecipe, folder: Path) -> Answered:
    """Ask the question, once for each model; the answer is kept in ``answer.json``.

    Raises:
        ArtifactError: The sample is not there.
    """
    row = _row(folder / recipe.samples, recipe.sample)
    asked = next(iter(row.images.values()), b"")
    question = row.record.prompt.turns[-1].text
    identity = {"model": manifests.read(folder / recipe.model).fingerprint, "sample": row.record.id}
    path = folder / FILE_NAME
    kept = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if {name: kept.get(name) for name in identity} != identity:
        from amalia.inference.local import Local  # torch: too slow to import to read a recipe

        device = detect()
        device.claim()
        engine = Local.load(folder / recipe.model, device=device, batch_size=1)
        said = complete(
            engine, Row(row.record.prompt, row.images), Sampling(max_new_tokens=96)
        ).text
        kept = {**identity, "question": question, "gold": row.record.target, "answer": said}
        write_text(path, json.dumps(kept, ensure_ascii=False, indent=1) + "\n")
    return Answered(asked, question, row.record.target, kept["answer"])


def _row(folder: Path, number: int) -> Row[Sample]:
    for position, row in enumerate(read_rows(folder, kind="samples")):
        if position == number:
            return row
    raise ArtifactError(f"artifact {folder} has no sample number {number}; choose a smaller one")
