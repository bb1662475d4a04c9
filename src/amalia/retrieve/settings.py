"""What a recipe says about documents that answers rest on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from amalia.inference.endpoint import plain_address
from amalia.recipe import Settings


class Packaged(Settings):
    """The encoder that ships in a package: multilingual-e5-small in 4 bits, on the CPU."""

    kind: Literal["packaged"] = "packaged"


class Endpoint(Settings):
    """An encoder behind any OpenAI-compatible ``/v1/embeddings``."""

    kind: Literal["endpoint"] = "endpoint"
    url: str
    """Up to the version, for example ``http://127.0.0.1:8001/v1``."""
    model: str = Field(min_length=1)
    """What the server calls it; vectors of another name are never compared with these."""
    query_prefix: str = ""
    """Put before a question, for models that were trained so, for example ``query: ``."""
    passage_prefix: str = ""
    """Put before a passage."""
    key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the server's key."""
    timeout_s: float = Field(default=30.0, gt=0)
    """How long one request may take."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        return plain_address(url)


EncoderSettings = Annotated[Packaged | Endpoint, Field(discriminator="kind")]


class IndexSettings(Settings):
    """How an index is made."""

    encoder: EncoderSettings | None = Packaged()
    """What turns passages into vectors; null for an index that is searched by words alone."""
    max_chars: int = Field(default=800, ge=100, le=1200)
    """Longest passage."""
    overlap_chars: int = Field(default=120, ge=0)
    """How much of a passage, in whole sentences, is said again at the beginning of the next."""

    @model_validator(mode="after")
    def _fits_together(self) -> IndexSettings:
        if self.overlap_chars >= self.max_chars:
            raise ValueError(
                f"overlap_chars is {self.overlap_chars} and max_chars {self.max_chars}; "
                "expected less than max_chars; lower it"
            )
        return self


class RetrieveSettings(Settings):
    """Which documents answers rest on, and how many passages go along with a question."""

    index: str
    """Folder made by ``amalia index``."""
    encoder: EncoderSettings = Packaged()
    """What turns a question into a vector; the one the index was made with."""
    by: Literal["hybrid", "words", "meaning"] = "hybrid"
    """``words``: BM25 alone, needs no encoder. ``meaning``: vectors alone. ``hybrid``: both, fused."""
    num_passages: int = Field(default=4, ge=1, le=20)
    """Passages that go along with a question."""
    num_candidates: int = Field(default=50, ge=1, le=1000)
    """Passages taken from each of the two rankings before they are fused."""
    min_similarity: float = Field(default=0.0, ge=-1, le=1)
    """Passages whose vector is less similar (cosine) to that of the question are left out. It is no
    probability, and its range depends on the encoder: see ``docs/retrieval.md``."""
    max_chars: int = Field(default=6000, ge=2000)
    """Length of the text that is put before the model; the last passages are left out whole."""
    when: Literal["always", "on_request"] = "always"
    """``on_request``: only for requests whose field ``amalia.retrieve`` is true. With ``always`` a request
    can still say false."""

    @model_validator(mode="after")
    def _fits_together(self) -> RetrieveSettings:
        if self.by == "words" and self.min_similarity != 0:
            raise ValueError(
                f"min_similarity is {self.min_similarity}, but by: words has no vectors to compare; "
                "leave it out, or choose by: hybrid"
            )
        if self.num_candidates < self.num_passages:
            raise ValueError(
                f"num_candidates is {self.num_candidates} and num_passages {self.num_passages}; "
                "expected at least as many candidates; raise num_candidates"
            )
        return self

    def is_wanted(self, asked: bool | None) -> bool:
        """Say whether documents are searched for a request.

        Args:
            asked: What the request says; None when it says nothing.
        """
        return self.when == "always" if asked is None else asked
