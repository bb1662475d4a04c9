"""Any text classifier of transformers that tells European from Brazilian Portuguese, from a local folder.

A text longer than the model reads is parted into equal pieces by tokens, and the mean over pieces counts. Texts are not
changed and nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from amalia.errors import ArtifactError, MissingExtra, TaskError

_BATCH = 16


class Classifier:
    """Gives the probability that texts are European Portuguese."""

    def __init__(self, tokenizer: Any, model: Any, *, label: int) -> None:
        """Take what ``load`` has read; the classes of transformers have no types.

        Args:
            tokenizer: A fast one, which can part a text.
            model: For sequence classification.
            label: Which of its labels is European Portuguese.
        """
        self._tokenizer = tokenizer
        self._model = model
        self._label = label
        self._room = _max_tokens(tokenizer, model) - tokenizer.num_special_tokens_to_add()

    @classmethod
    def load(cls, folder: Path, *, european: str) -> Classifier:
        """Read tokenizer and model of a folder.

        Args:
            folder: As ``save_pretrained`` leaves it; safetensors only.
            european: Name of the label that means European Portuguese, as the model's config has it.

        Raises:
            MissingExtra: transformers is not installed.
            ArtifactError: The folder is missing or holds no classifier.
            TaskError: The model has no such label.
        """
        try:
            from transformers import AutoModelForSequenceClassification, AutoTokenizer
        except ModuleNotFoundError as error:
            raise MissingExtra("A classifier of transformers", "eval") from error
        if not (folder / "config.json").is_file():
            raise ArtifactError(f"{folder} holds no model; expected config.json; correct the path")
        try:
            tokenizers: Any = AutoTokenizer
            tokenizer = tokenizers.from_pretrained(folder, local_files_only=True)
            model = AutoModelForSequenceClassification.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            ).eval()
        except (OSError, ValueError, KeyError) as error:
            detail = " ".join(str(error).split())[:200]
            raise ArtifactError(f"the classifier in {folder} cannot be read ({detail})") from error
        if not tokenizer.is_fast:
            raise ArtifactError(
                f"the classifier in {folder} has a slow tokenizer; expected tokenizer.json; convert it"
            )
        labels = {name: int(place) for place, name in model.config.id2label.items()}
        if european not in labels or len(labels) < 2:
            raise TaskError(
                f"the classifier in {folder} has the labels {', '.join(sorted(labels))}; expected {european!r}"
                " among two or more; say which is European"
            )
        return cls(tokenizer, model, label=labels[european])

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Give the probability of European Portuguese of each text, the mean over its pieces."""
        import torch

        pieces = [self._pieces(text) for text in texts]
        flat = [piece for some in pieces for piece in some]
        found: list[float] = []
        for start in range(0, len(flat), _BATCH):
            padded = self._tokenizer.pad(
                {"input_ids": flat[start : start + _BATCH]},
                return_attention_mask=True,
                return_tensors="pt",
            )
            with torch.inference_mode():
                logits_BC = self._model(**padded).logits
            found += logits_BC.float().softmax(-1)[:, self._label].tolist()
        each = iter(found)
        return [fmean(next(each) for _ in some) for some in pieces]

    def _pieces(self, text: str) -> list[list[int]]:
        """Part a text into as few pieces as the model can read, equally long in tokens."""
        whole = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        count = max(1, -(-len(whole) // self._room))
        size = max(1, -(-len(whole) // count)) + self._tokenizer.num_special_tokens_to_add()
        parted = self._tokenizer(
            text, truncation=True, max_length=size, return_overflowing_tokens=True
        )
        return list(parted["input_ids"])


def _max_tokens(tokenizer: Any, model: Any) -> int:
    """Give how many tokens the model reads, special ones included."""
    config = model.config
    positions = int(getattr(config, "max_position_embeddings", 0) or 4096)
    # RoBERTa and its kin begin to count behind the padding.
    if getattr(config, "model_type", "") in ("roberta", "xlm-roberta", "camembert"):
        positions -= int(config.pad_token_id) + 1
    return min(positions, int(tokenizer.model_max_length))
