"""The report of a corpus as one HTML page: the funnel, the domains, the years, lengths and qualities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from amalia.report import numbers
from amalia.report.template import environment

MAX_DOMAINS = 25
_TITLES = {
    "pt-PT": "Português europeu (pt-PT)",
    "pt-BR": "Português do Brasil (pt-BR)",
    "pt": "Português, sem sinais de uma das variedades",
}
_UNKNOWN = "desconhecido"


@dataclass(frozen=True, slots=True)
class CorpusStep:
    """What one phase was given, and what it left out."""

    name: str
    entered: int
    reasons: tuple[tuple[str, int], ...]
    """The most frequent first."""

    @property
    def left(self) -> int:
        """How many were left out."""
        return sum(count for _, count in self.reasons)


@dataclass(frozen=True, slots=True)
class CorpusChart:
    """Counts by label, with their share of the largest."""

    title: str
    rows: tuple[tuple[str, int, float], ...]


@dataclass(frozen=True, slots=True)
class CorpusVariety:
    """What there is of one variety."""

    name: str
    documents: int
    words: int
    tokens: int
    charts: tuple[CorpusChart, ...]

    @property
    def title(self) -> str:
        """What the page calls it."""
        return _TITLES[self.name]


@dataclass(frozen=True, slots=True)
class CorpusPage:
    """All that the page says."""

    name: str
    captures: int
    steps: tuple[CorpusStep, ...]
    varieties: tuple[CorpusVariety, ...]

    @property
    def kept(self) -> int:
        """Documents of all varieties."""
        return sum(variety.documents for variety in self.varieties)

    @property
    def words(self) -> int:
        """Words of all varieties."""
        return sum(variety.words for variety in self.varieties)

    @property
    def tokens(self) -> int:
        """Tokens of all varieties."""
        return sum(variety.tokens for variety in self.varieties)

    @property
    def share(self) -> float:
        """Of the captures that became documents, 0–1."""
        return self.kept / self.captures if self.captures else 0.0


def charts(
    *,
    domains: Mapping[str, int],
    years: Mapping[str, int],
    lengths: Mapping[str, int],
    qualities: Mapping[str, int],
) -> tuple[CorpusChart, ...]:
    """Arrange counts for the page."""
    top = sorted(domains.items(), key=lambda item: (-item[1], item[0]))[:MAX_DOMAINS]
    by_length = sorted(lengths.items(), key=lambda item: int(item[0].rstrip("+")))
    found = (
        ("Domínios com mais documentos", top),
        ("Ano da captura", sorted(years.items())),
        ("Palavras de um documento, a partir de", by_length),
        (
            "Pontuação de qualidade, a partir de",
            [(label.replace(".", ","), count) for label, count in sorted(qualities.items())],
        ),
    )
    return tuple(_chart(title, rows) for title, rows in found)


def render(page: CorpusPage) -> str:
    """Make the page; it loads nothing from anywhere."""
    css = resources.files("amalia.report").joinpath("report.css").read_text("utf-8")
    made = environment()
    made.filters |= {"integer": numbers.integer, "percent": numbers.percent}
    return made.get_template("corpus.html.j2").render(page=page, css=css)


def _chart(title: str, counts: Sequence[tuple[str, int]]) -> CorpusChart:
    most = max((count for _, count in counts), default=1)
    return CorpusChart(
        title, tuple((label or _UNKNOWN, count, count / most) for label, count in counts)
    )
