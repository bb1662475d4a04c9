"""From what was gathered about a request to its record, its counters and what its key has used.

A record is awaited before the last piece of an answer goes out. Where the log cannot be written, the policy
of the recipe decides: no more answers (``stop``), or answers with an error in the server's own log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass

from amalia.errors import AmaliaError, RequestError
from amalia.serve import wire
from amalia.serve.access import Access
from amalia.serve.audit import Log
from amalia.serve.audit_record import AuditSettings, Record, now
from amalia.serve.metrics import Metrics
from amalia.serve.trace import Trace, finishes, joined

_log = logging.getLogger("amalia.serve")
_TRY_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is the same in every record of a server."""

    model: str
    model_fingerprint: str
    engine: str
    recipe_fingerprint: str
    policy: str


class Bookkeeping:
    """Writes what happened."""

    def __init__(
        self, log: Log, settings: AuditSettings, facts: Facts, metrics: Metrics, access: Access
    ) -> None:
        """Keep where to write."""
        self.started_unix_s = int(time.time())
        self._log = log
        self._settings = settings
        self._facts = facts
        self._metrics = metrics
        self._access = access
        self._problem = ""
        self._failed_s = 0.0

    @property
    def problem(self) -> str:
        """Why answers are not given now; empty when they are."""
        return self._problem if self._settings.on_failure == "stop" else ""

    def tries_again(self) -> bool:
        """Say whether a request may go on although the log could not be written: one does every few seconds."""
        if time.monotonic() - self._failed_s <= _TRY_AGAIN_S:
            return False
        self._failed_s = time.monotonic()
        return True

    async def close(self, trace: Trace) -> None:
        """Write the record of a request, once, and count it.

        Raises:
            RequestError: It cannot be written and answers are not to go out unlogged.
        """
        if trace.is_closed:
            return
        trace.is_closed = True
        self._metrics.served(trace)
        self._access.settle(trace.about.caller, trace.spent)
        try:
            await asyncio.wrap_future(self._log.append(self._record(trace)))
        except AmaliaError as error:
            self._problem, self._failed_s = f"the log cannot be written ({error})", time.monotonic()
            _log.error("trace %s was not logged: %s", trace.about.trace_id, error)
            if self._settings.on_failure == "stop":
                raise RequestError(
                    "the answer cannot be logged, so it is not given; tell the operator",
                    status=503,
                    code="not_logged",
                    retry_after_s=_TRY_AGAIN_S,
                ) from error
        else:
            self._problem = ""

    async def close_quietly(self, trace: Trace) -> None:
        """Write the record of a request that failed anyway."""
        # Told to the server's own log; the client hears of the first failure.
        with contextlib.suppress(RequestError):
            await self.close(trace)

    async def report(self, asked: wire.ReportRequest, trace: Trace) -> str:
        """Keep a report.

        Raises:
            RequestError: There is no such trace (404), or the log cannot be written (503).
        """
        try:
            return await asyncio.to_thread(
                self._log.report,
                asked.trace_id,
                category=asked.category,
                comment=asked.comment,
                reporter=trace.about.caller.id or trace.about.client,
            )
        except KeyError as error:
            raise RequestError(
                f"there is no trace {asked.trace_id}; give the trace_id that came with the answer",
                status=404,
                code="trace_not_found",
                param="trace_id",
            ) from error
        except AmaliaError as error:
            raise RequestError(
                str(error), status=503, code="not_logged", retry_after_s=_TRY_AGAIN_S
            ) from error

    def _record(self, trace: Trace) -> Record:
        about = trace.about
        usage = trace.spent
        text = self._settings.text
        is_full = text in ("full", "hash")
        return Record(
            trace_id=about.trace_id,
            request_id=about.request_id,
            started_at=about.started_at,
            finished_at=now(),
            endpoint=about.endpoint,
            key_id=about.caller.id,
            client=about.client,
            subject=about.subject,
            model=self._facts.model,
            model_fingerprint=self._facts.model_fingerprint,
            engine=self._facts.engine,
            recipe_fingerprint=self._facts.recipe_fingerprint,
            policy=self._facts.policy,
            verdicts=tuple(trace.verdicts),
            passages=tuple(trace.passages),
            pictures=tuple(
                {
                    "sha256": image.sha256,
                    "width_px": image.width_px,
                    "height_px": image.height_px,
                    "media_type": image.media_type,
                }
                for image in trace.images
            ),
            num_prompt_tokens=usage.num_prompt_tokens,
            num_answer_tokens=usage.num_answer_tokens,
            num_images=len(trace.images),
            body_bytes=about.body_bytes,
            queued_s=trace.queued_s,
            first_text_s=trace.first_text_s,
            total_s=trace.elapsed_s,
            finish_reasons=tuple(finishes(trace.finish_reasons)),
            status=trace.status,
            error=trace.error,
            question=trace.question_full if is_full else trace.question,
            answer=joined(trace.answers_full if is_full else trace.answers),
        )
