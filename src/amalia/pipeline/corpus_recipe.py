"""A corpus recipe: which captures, what is made of them, and which documents stay."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from amalia.corpus.archive import ArchiveLimits
from amalia.corpus.document import DocumentSettings
from amalia.corpus.signatures import MinHashSettings
from amalia.corpus.thresholds import Thresholds
from amalia.pipeline.phases import PhasesRun
from amalia.recipe import Settings

Variety = Literal["pt-PT", "pt-BR", "pt"]
VARIETIES: tuple[Variety, ...] = ("pt-PT", "pt-BR", "pt")
"""One output for each; ``pt`` holds what could be either."""


class _Source(Settings):
    path: str = Field(min_length=1)
    """File or folder, from the working folder."""
    license: str = Field(min_length=1)
    """Of what is in it, as SPDX writes it; it has no default."""


class Archives(_Source):
    """WARC and ARC files, at any depth of a folder."""

    kind: Literal["archives"] = "archives"


class Files(_Source):
    """HTML, text, PDF and ePub files, at any depth of a folder."""

    kind: Literal["files"] = "files"


CorpusSource = Annotated[Archives | Files, Field(discriminator="kind")]


class Duplicates(MinHashSettings):
    """Which documents say the same; of each group the earliest stays."""

    expected_documents: int = Field(default=0, ge=0)
    """How many there will be, for the number of tasks; 0 takes one for every 2,000 bytes of input."""


class CorpusRun(PhasesRun):
    """Execution, not identity."""

    memory_gib: float = Field(default=2.0, gt=0.2)
    """Of a worker, for comparing documents."""


class CorpusRecipe(Settings):
    """A corpus, from its captures to finished documents."""

    kind: Literal["corpus"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    sources: dict[str, CorpusSource] = Field(min_length=1)
    """Name of the collection → where it is. Of duplicates in two collections, the one of the first stays."""
    archives: ArchiveLimits = ArchiveLimits()
    documents: DocumentSettings = DocumentSettings()
    unwanted_hosts: dict[str, str] = Field(default_factory=dict)
    """Reason → file of hosts, one a line or in the form of /etc/hosts; beside the packaged lists."""
    thresholds: Thresholds = Thresholds()
    min_scores: dict[str, float] = Field(default_factory=dict)
    """Name of a score → least that a document must have, for example ``quality: 0.2``; left out as ``low_NAME``."""
    duplicates: Duplicates | None = Duplicates()
    """None compares nothing."""
    decontaminate: tuple[str, ...] = ()
    """Evaluation artifacts (samples); documents in which a question of theirs stands are left out."""
    tokenizer: str | None = None
    """Folder whose tokens are counted; none takes the packaged tokenizer."""
    sample_fraction: float = Field(default=0.01, ge=0, le=1)
    """Of the documents dropped for a reason, so many are kept to look at; of each reason the first few are."""
    run: CorpusRun = CorpusRun()

    @field_validator("sources")
    @classmethod
    def _names(cls, sources: dict[str, CorpusSource]) -> dict[str, CorpusSource]:
        wrong = [name for name in sources if not name.replace("-", "").replace("_", "").isalnum()]
        if wrong:
            raise ValueError(
                f"{wrong[0]!r} is no name of a collection; expected letters, digits, - and _"
            )
        return sources
