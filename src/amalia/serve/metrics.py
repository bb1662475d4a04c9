"""Counters and times for Prometheus. No text, no key and no client stands in them."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from amalia.serve.engine import State
from amalia.serve.trace import Trace

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """What a server counts."""

    def __init__(self) -> None:
        """Begin at zero, in a registry of its own."""
        self.registry = CollectorRegistry()
        kept = self.registry
        self._requests = Counter(
            "amalia_requests",
            "Requests by endpoint and status.",
            ["endpoint", "status"],
            registry=kept,
        )
        self._tokens = Counter("amalia_tokens", "Tokens by kind.", ["kind"], registry=kept)
        self._pictures = Counter("amalia_pictures", "Pictures of requests.", registry=kept)
        self._verdicts = Counter(
            "amalia_verdicts", "What guards found.", ["category", "place", "action"], registry=kept
        )
        self._finishes = Counter("amalia_finishes", "How answers ended.", ["reason"], registry=kept)
        self._reports = Counter(
            "amalia_reports", "Answers reported by people.", ["category"], registry=kept
        )
        self._total = Histogram(
            "amalia_request_seconds",
            "Time of whole requests.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=kept,
        )
        self._first = Histogram(
            "amalia_first_text_seconds",
            "Time until the first text.",
            buckets=_SECONDS,
            registry=kept,
        )
        self._under_way = Gauge(
            "amalia_requests_under_way", "Requests being served.", registry=kept
        )

    def watch(self, state: Callable[[], State]) -> None:
        """Tell whether the engine is ready whenever somebody looks."""

        class _Ready:
            def collect(self) -> list[GaugeMetricFamily]:
                value = float(state().is_ready)
                return [
                    GaugeMetricFamily("amalia_engine_ready", "1 when it can answer.", value=value)
                ]

        self.registry.register(_Ready())

    def began(self) -> None:
        """Count a request that came in."""
        self._under_way.inc()

    def ended(self, endpoint: str, status: int) -> None:
        """Count a request that was answered or refused."""
        self._under_way.dec()
        self._requests.labels(endpoint, str(status)).inc()

    def served(self, trace: Trace) -> None:
        """Count what a request took and what was found in it."""
        self._total.labels(trace.about.endpoint).observe(trace.elapsed_s)
        if trace.first_text_s is not None:
            self._first.observe(trace.first_text_s)
        if trace.usage is not None:
            self._tokens.labels("prompt").inc(trace.usage.num_prompt_tokens)
            self._tokens.labels("answer").inc(trace.usage.num_answer_tokens)
        self._pictures.inc(len(trace.images))
        for verdict in trace.verdicts:
            self._verdicts.labels(verdict["category"], verdict["place"], verdict["action"]).inc()
        for reason in trace.finish_reasons.values():
            self._finishes.labels(reason).inc()

    def reported(self, category: str) -> None:
        """Count a report."""
        self._reports.labels(category).inc()

    def text(self) -> bytes:
        """Write everything in Prometheus' format."""
        return generate_latest(self.registry)
