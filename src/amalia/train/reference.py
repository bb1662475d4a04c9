"""Log-probabilities of preference answers under the model a DPO stage starts from.

Computed once before training and stored beside it, so that one model is in memory while training. A
stored value belongs to a model, a template and a record; the file is only used when all agree.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import PreTrainedModel

from amalia.device import Device
from amalia.model.fork import collate_forks, fork_of
from amalia.model.render import Renderer, chat_template
from amalia.progress import Progress
from amalia.records import Preference, Row
from amalia.store import write_text
from amalia.train.objectives import answer_log_probs

Pair = tuple[float, float]
"""Log-probability of the chosen and of the rejected answer, nats."""
SAVE_EVERY_BATCHES = 16


def key(row: Row[Preference]) -> str:
    """Digest everything of a preference that its log-probabilities depend on."""
    record = row.record
    text = record.model_dump_json(exclude={"origin", "reason"})
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def compute(
    model: PreTrainedModel,
    renderer: Renderer,
    rows: Sequence[Row[Preference]],
    *,
    path: Path,
    model_fingerprint: str,
    batch: int,
    device: Device,
) -> dict[str, Pair]:
    """Give the reference log-probabilities of preferences, computing those not stored yet.

    Args:
        model: The reference, in evaluation mode.
        renderer: Its renderer.
        rows: Preferences; those that occur twice are computed once.
        path: JSON file that keeps the result; one made by another model or template is not used.
        model_fingerprint: Identity of the model.
        batch: Pairs computed at once.
        device: Where to compute.

    Returns:
        ``key(row)`` → pair, for every row.
    """
    identity = hashlib.sha256(f"{model_fingerprint}\n{chat_template()}".encode()).hexdigest()[:16]
    known = _read(path, identity)
    missing = list({key(row): row for row in rows if key(row) not in known}.values())
    missing.sort(key=lambda row: len(row.record.chosen.text) + 1000 * len(row.record.prompt.images))
    with Progress("reference", len(missing)) as progress, torch.no_grad():
        for number, start in enumerate(range(0, len(missing), batch)):
            chunk = missing[start : start + batch]
            forks = [fork_of(renderer, row) for row in chunk]
            tensors = collate_forks(forks, pad_id=renderer.pad_id, device=device.kind)
            with device.autocast():
                sums, _ = answer_log_probs(model, tensors)
            pairs = zip(*(part.tolist() for part in sums.chunk(2)), strict=True)
            known |= {key(row): pair for row, pair in zip(chunk, pairs, strict=True)}
            progress.advance(len(chunk))
            if number % SAVE_EVERY_BATCHES == SAVE_EVERY_BATCHES - 1:
                _write(path, identity, known)
    _write(path, identity, known)
    return {name: known[name] for name in (key(row) for row in rows)}


def _read(path: Path, identity: str) -> dict[str, Pair]:
    if not path.is_file():
        return {}
    try:
        saved = json.loads(path.read_text("utf-8"))
        pairs = {name: (float(pair[0]), float(pair[1])) for name, pair in saved["pairs"].items()}
    except (ValueError, KeyError, TypeError, IndexError):
        return {}  # written whole or not at all, so this is a foreign file: compute again
    return pairs if saved.get("identity") == identity else {}


def _write(path: Path, identity: str, pairs: dict[str, Pair]) -> None:
    write_text(path, json.dumps({"identity": identity, "pairs": pairs}))
