"""The last step of a pipeline: the model says what it sees in a picture nobody has shown it.

Of several pictures it is the one whose answer the model itself finds likeliest: a known answer has no
say in the choice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amalia import manifest as manifests
from amalia.device import detect
from amalia.errors import ArtifactError
from amalia.inference import Sampling, complete_many, log_probs
from amalia.recipe import Settings
from amalia.records import Row, Sample
from amalia.store import read_rows, write_bytes, write_text

FILE_NAME = "answer.json"
PICTURE_NAME = "answer.png"
_SAMPLING = Sampling(max_new_tokens=96)
# Few: generation on a CPU gains little from more, and pictures of many tiles take memory.
_BATCH_SIZE = 4


class AnswerRecipe(Settings):
    """Questions to one model, of which the answer it is surest of is shown."""

    model: str
    """Model artifact of the pipeline."""
    samples: str
    """Sample artifact the questions are taken from."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A held-out picture, the question, the known answer and the model's."""

    picture: Path | None
    """PNG in the run's folder; None for a question without a picture."""
    question: str
    gold: str
    answer: str
    num_asked: int
    """Of how many questions this is the one the model is surest of."""


def build(recipe: AnswerRecipe, folder: Path) -> Answered:
    """Ask the questions, once for each model; the surest answer is kept in ``answer.json``.

    Raises:
        ArtifactError: There is nothing to ask.
    """
    rows = list(read_rows(folder / recipe.samples, kind="samples"))
    if not rows:
        raise ArtifactError(
            f"artifact {folder / recipe.samples} has 0 samples; expected at least one; "
            "name another in the answer step"
        )
    identity = {
        name: manifests.read(folder / artifact).fingerprint
        for name, artifact in (("model", recipe.model), ("samples", recipe.samples))
    }
    path = folder / FILE_NAME
    kept = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if {name: kept.get(name) for name in identity} != identity:
        kept = identity | _surest(rows, folder / recipe.model)
        write_text(path, json.dumps(kept, ensure_ascii=False, indent=1) + "\n")
    row = next(row for row in rows if row.record.id == kept["sample"])
    picture = folder / PICTURE_NAME if row.images else None
    if picture:
        write_bytes(picture, next(iter(row.images.values())))
    return Answered(picture, kept["question"], kept["gold"], kept["answer"], len(rows))


def _surest(rows: Sequence[Row[Sample]], model: Path) -> dict[str, str | float]:
    """Answer every sample and give the answer with the highest probability."""
    from amalia.inference.local import Local  # torch: too slow to import to read a recipe

    device = detect()
    device.claim()
    engine = Local.load(model, device=device, batch_size=_BATCH_SIZE)
    prompts = [Row(row.record.prompt, row.images) for row in rows]
    said = [answer.text for answer in complete_many(engine, prompts, _SAMPLING)]
    likely = [found.total_nats for found in log_probs(engine, prompts, said)]
    best = max(range(len(rows)), key=likely.__getitem__)
    sample = rows[best].record
    return {
        "sample": sample.id,
        "question": sample.prompt.turns[-1].text,
        "gold": sample.target,
        "answer": said[best],
        "log_prob_nats": round(likely[best], 4),
    }
