"""Documents that answers rest on: searched for, judged like everything that comes in, put before the model, cited.

A passage that the policy blocks is left out, and with it nothing else; identifiers in passages are taken out
where the policy masks them, and do not come back.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from amalia.errors import GenerationError, RequestError
from amalia.guard.guard import Guard
from amalia.identifiers import redact
from amalia.retrieve.settings import RetrieveSettings
from amalia.serve.dialogue import Dialogue
from amalia.serve.screening import checked
from amalia.serve.trace import Trace

if TYPE_CHECKING:
    from amalia.retrieve.search import Passage, Search


class Documents:
    """An index of passages and how it is used."""

    def __init__(self, settings: RetrieveSettings, search: Search) -> None:
        """Keep an open index."""
        self._settings = settings
        self._search = search

    @classmethod
    def load(cls, settings: RetrieveSettings, folder: Path) -> Documents:
        """Open the index that settings name, beside the recipe or from the working folder.

        Raises:
            ArtifactError: There is none, or it was made with another encoder.
            MissingExtra: The index or its encoder needs an optional part.
        """
        from amalia.retrieve.search import Search

        beside = folder / settings.index
        return cls(
            settings, Search.open(beside if beside.exists() else Path(settings.index), settings)
        )

    def is_wanted(self, asked: bool | None) -> bool:
        """Say whether documents are searched for a request that says so much about it."""
        return self._settings.is_wanted(asked)

    async def grounded(self, dialogue: Dialogue, guard: Guard | None, trace: Trace) -> Dialogue:
        """Search for the question and put what was found before the model.

        Raises:
            RequestError: The encoder behind an address gives no vector of the question.
        """
        from amalia.retrieve.ground import fitting, grounding

        try:
            found = await asyncio.to_thread(self._search.passages, dialogue.question)
        except GenerationError as error:
            raise RequestError(
                "the documents cannot be searched now; try again later",
                status=503,
                code="documents_unavailable",
                retry_after_s=10,
            ) from error
        kept = []
        for number, passage in enumerate(found):
            safe = passage if guard is None else await _safe(passage, guard, trace, number)
            if safe is not None:
                kept.append(safe)
        # What is told and cited is what the model has seen.
        trace.found = fitting(kept, max_chars=self._settings.max_chars)
        trace.passages = [
            {
                "number": number,
                "id": passage.id,
                "title": passage.title,
                "url": passage.url,
                "source": passage.url or passage.document_id,
                "licence": passage.licence,
                "sha256": passage.sha256,
                "score": round(passage.score, 4),
                "span": [passage.start, passage.end],
                "text": passage.text,
            }
            for number, passage in enumerate(trace.found, 1)
        ]
        return dialogue.grounded(grounding(trace.found, max_chars=self._settings.max_chars))

    def cite(self, trace: Trace) -> None:
        """Find in the answers which passages they name, and how far these bear them out."""
        from amalia.retrieve.cite import citations

        for choice, text in trace.answers_full.items():
            for cited in citations(text, trace.found):
                trace.citations.append(
                    {
                        "choice": choice,
                        "passage": cited.number,
                        "span": [cited.start, cited.end],
                        "support": round(cited.support, 3),
                    }
                )


async def _safe(passage: Passage, guard: Guard, trace: Trace, number: int) -> Passage | None:
    verdict = await checked(guard, passage.text, "passage")
    trace.note(verdict, passage=number)
    if verdict.action == "block":
        return None
    if not verdict.masked:
        return passage
    return replace(passage, text=redact(passage.text, verdict.masked))
