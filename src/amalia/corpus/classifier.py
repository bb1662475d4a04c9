"""Any sequence classifier of Hugging Face as a score of documents.

The seam for judgements that need a trained model (educational value, toxicity, a house style). Which model, and what
its numbers mean, is the recipe's business; nothing is downloaded, so a name means one that this machine has already.
Only the beginning of a text is read, as far as the model's context reaches and no further than ``max_tokens``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from amalia.errors import ArtifactError, MissingExtra
from amalia.recipe import Settings

MAX_TOKENS = 512
BATCH_SIZE = 32


class ClassifierSettings(Settings):
    """A classifier that scores documents."""

    folder: str = Field(min_length=1)
    """With model and tokenizer, or the name of one in this machine's cache."""
    label: str | None = None
    """Name of the class whose probability is the score; by default the last one. None of a regression."""
    max_tokens: int = Field(default=MAX_TOKENS, gt=0)
    """Most that is read of a text."""
    batch_size: int = Field(default=BATCH_SIZE, gt=0)
    """Texts at once."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """A loaded model."""

    model: Any  # transformers has no types
    tokenizer: Any
    label: int | None
    """The output whose probability is the score; None of a regression, whose only output is it."""
    max_tokens: int
    batch_size: int
    device: str

    @classmethod
    def load(
        cls,
        folder: str,
        *,
        label: str | None = None,
        max_tokens: int = MAX_TOKENS,
        batch_size: int = BATCH_SIZE,
        device: str = "cpu",
    ) -> Classifier:
        """Load a classifier and its tokenizer.

        Args:
            folder: With both, or the name of one in this machine's cache.
            label: Name of the class whose probability is the score; by default the last one. None of a regression.
            max_tokens: Most that is read of a text.
            batch_size: Texts at once.
            device: Of torch.

        Raises:
            ArtifactError: There is no such model, or no such label.
            MissingExtra: torch or transformers are not installed.
        """
        try:
            from transformers import AutoModelForSequenceClassification, AutoTokenizer
        except ImportError as error:
            raise MissingExtra("scoring with a classifier", "train") from error
        # Neither has types.
        of_tokenizer: Any = AutoTokenizer
        of_model: Any = AutoModelForSequenceClassification
        try:
            tokenizer = of_tokenizer.from_pretrained(folder, local_files_only=True)
            model = of_model.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ArtifactError(
                f"cannot load a classifier from {folder}: {' '.join(str(error).split())[:200]};"
                " give a folder with a sequence classifier and its tokenizer"
            ) from error
        reach = getattr(model.config, "max_position_embeddings", None) or max_tokens
        return cls(
            model.to(device).eval(),
            tokenizer,
            _place(model.config, label, folder),
            min(max_tokens, reach, tokenizer.model_max_length),
            batch_size,
            device,
        )

    def scores(self, texts: Sequence[str]) -> list[float]:
        """Give a score for each text, in order: a probability, or the number that a regression says."""
        import torch

        # Alike lengths together, so that little is padded.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        found = [0.0] * len(texts)
        for start in range(0, len(order), self.batch_size):
            places = order[start : start + self.batch_size]
            batch = self.tokenizer(
                [texts[place] for place in places],
                truncation=True,
                max_length=self.max_tokens,
                padding=True,
                return_tensors="pt",
            ).to(self.device)
            with torch.inference_mode():
                logits = self.model(**batch).logits.float()
            values = logits[:, 0] if self.label is None else logits.softmax(-1)[:, self.label]
            for place, value in zip(places, values.tolist(), strict=True):
                found[place] = value
        return found


def _place(config: Any, label: str | None, folder: str) -> int | None:
    names = [config.id2label[number] for number in range(config.num_labels)]
    if config.num_labels == 1 and label is None:
        return None
    if label is None:
        return len(names) - 1
    if config.num_labels == 1 or label not in names:
        known = ", ".join(sorted(names)) if config.num_labels > 1 else "none, it is a regression"
        raise ArtifactError(f"the classifier {folder} has no label {label!r}; it has {known}")
    return names.index(label)
