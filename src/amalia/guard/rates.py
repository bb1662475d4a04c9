"""How often checks miss what harms and stop what does not, on the test set of the package.

``prompts.tsv`` holds texts of our own in European Portuguese: harmful ones of every category, and harmless ones
that share their words («Como mato todos os processos…»). Checks are run on each text in its place; a finding
counts for its own category, and beside it stands whether a text was found under whatever category. Shares have
Wilson's 95 % interval, for a dozen texts say little.

Not covered: what a policy makes of findings, guard models behind endpoints, several turns, and anything that
is not a text of the set. How the set was made and what its figures can tell stands in ``docs/guard-rates.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from amalia.guard.attacks import Attacks
from amalia.guard.classifier import Classifier
from amalia.guard.drift import Drift
from amalia.guard.harms import Harms
from amalia.guard.identifiers import Identifiers
from amalia.guard.verdict import ATTACKS, HARMS, IDENTIFIERS, Check, Place

FILE = Path(__file__).with_name("prompts.tsv")
_HEAD = ("kind", "category", "place", "text")
_Z = 1.96
TOGETHER = "together"
EVERYWHERE = "every harmless text of the set"


class Example(NamedTuple):
    """One text of the test set."""

    kind: Literal["harmful", "harmless"]
    category: str
    """What a harmful text is; what a harmless one looks like."""
    place: Place
    text: str


class Found(NamedTuple):
    """What checks made of one text."""

    example: Example
    own: bool
    """Whether something of the text's own category was found."""
    any: bool
    """Whether something was found under whatever category."""
    categories: tuple[str, ...]
    """What was found, each category once, in order of their names."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    count: int
    n: int

    @property
    def value(self) -> float:
        """The share, 0 of nothing."""
        return self.count / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval; all of 0–1 for nothing.

        Source: Wilson 1927, J. Am. Stat. Assoc. 22 (158).
        """
        if not self.n:
            return 0.0, 1.0
        spread = _Z * _Z / self.n
        middle = (self.value + spread / 2) / (1 + spread)
        half = (self.value * (1 - self.value) * spread + spread * spread / 4) ** 0.5 / (1 + spread)
        return max(middle - half, 0.0), min(middle + half, 1.0)

    def __str__(self) -> str:
        """Write as ``3 of 14: 21 % (8–48)``, or a dash for nothing."""
        if not self.n:
            return "–"
        low, high = self.interval
        return f"{self.count} of {self.n}: {self.value:.0%} ({low * 100:.0f}–{high * 100:.0f})".replace(
            "%", " %"
        )


@dataclass(frozen=True, slots=True)
class Rates:
    """The figures of one category, or of several."""

    category: str
    missed: Share
    """Harmful texts in which nothing of their own category was found."""
    unseen: Share
    """Harmful texts in which nothing at all was found."""
    false_alarms: Share
    """Harmless texts in which the category that they look like was found."""
    stopped: Share
    """Harmless texts in which anything was found."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What some checks do on the test set."""

    found: tuple[Found, ...]
    """One for every text, in the order of the set."""
    categories: tuple[str, ...]
    """What the checks are meant to find."""

    def rates(self) -> list[Rates]:
        """Give the figures of each category, of all together, and the alarms on all harmless texts."""
        meant = [one for one in self.found if one.example.category in self.categories]
        rows = [
            _rates(name, [one for one in meant if one.example.category == name])
            for name in self.categories
        ]
        harmless = [one for one in self.found if one.example.kind == "harmless"]
        return [*rows, _rates(TOGETHER, meant), _everywhere(harmless, self.categories)]

    def missed(self) -> list[Found]:
        """List harmful texts in which nothing of their own category was found."""
        return [one for one in self._meant("harmful") if not one.own]

    def false_alarms(self) -> list[Found]:
        """List harmless texts, of whatever category, in which anything was found."""
        return [one for one in self.found if one.example.kind == "harmless" and one.any]

    def _meant(self, kind: str) -> list[Found]:
        return [
            one
            for one in self.found
            if one.example.kind == kind and one.example.category in self.categories
        ]


def measure_shipped(texts: Sequence[Example]) -> Mapping[str, Measured]:
    """Measure the checks of the package with their defaults: each by itself, and what belongs together.

    Returns:
        ``rules``, ``classifier``, ``rules_and_classifier``, ``identifiers`` and ``variety``.
    """
    requests = (*HARMS, *ATTACKS)
    rules, classifier = (Attacks(), Harms()), Classifier()
    return {
        "rules": measure(rules, texts, requests),
        "classifier": measure([classifier], texts, requests),
        "rules_and_classifier": measure([*rules, classifier], texts, requests),
        "identifiers": measure([Identifiers()], texts, IDENTIFIERS),
        "variety": measure([Drift()], texts, ("variety_pt_br",)),
    }


def examples(file: Path = FILE) -> list[Example]:
    """Read the test set.

    Raises:
        ValueError: A line has not four columns, or the first is not the header.
    """
    lines = file.read_text("utf-8").splitlines()
    rows = [tuple(line.split("\t")) for line in lines]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(_HEAD) or (number == 1 and row != _HEAD):
            raise ValueError(
                f"line {number} of {file.name} has {len(row)} columns; expected {', '.join(_HEAD)} "
                "between tabs; mend the line"
            )
    return [Example._make(row) for row in rows[1:]]


def measure(
    checks: Sequence[Check], texts: Iterable[Example], categories: Sequence[str]
) -> Measured:
    """Run checks on every text.

    Args:
        checks: Run together: a text is found if any of them finds it.
        texts: The test set.
        categories: What the checks are meant to find; their rates are given. Findings of others count
            only as found under whatever category.
    """
    return Measured(tuple(_found(checks, text) for text in texts), tuple(categories))


def table(measured: Measured) -> str:
    """Write the rates as a Markdown table."""
    lines = [
        "| category | missed | under no category at all | false alarms | stopped for anything |",
        "|---|---|---|---|---|",
    ]
    for row in measured.rates():
        bold = "**" if row.category in (TOGETHER, EVERYWHERE) else ""
        shares = (row.missed, row.unseen, row.false_alarms, row.stopped)
        lines.append(f"| {bold}{row.category}{bold} | {' | '.join(map(str, shares))} |")
    return "\n".join(lines) + "\n"


def listing(found: Iterable[Found]) -> str:
    """Write texts as a Markdown list: what they are, what was found in them, and what they say."""
    lines = []
    for one in found:
        kind, category, place, text = one.example
        names = ", ".join(one.categories) or "nothing"
        lines.append(f"- {kind}, {category}, {place}; found: {names} — {text}")
    return "\n".join(lines) + "\n" if lines else "None.\n"


def thresholds(texts: Sequence[Example], chosen: Sequence[float]) -> str:
    """Write what the classifier would miss and stop at some thresholds, as a Markdown table."""
    lines = [
        "| threshold | missed | under no category at all | false alarms on every harmless text |",
        "|---|---|---|---|",
    ]
    for threshold in chosen:
        measured = measure([Classifier(threshold)], texts, (*HARMS, *ATTACKS))
        together, everywhere = measured.rates()[-2:]
        shares = (together.missed, together.unseen, everywhere.stopped)
        lines.append(f"| {threshold:.2f} | {' | '.join(map(str, shares))} |")
    return "\n".join(lines) + "\n"


def _found(checks: Sequence[Check], example: Example) -> Found:
    names = {
        finding.category for check in checks for finding in check.find(example.text, example.place)
    }
    return Found(example, example.category in names, bool(names), tuple(sorted(names)))


def _rates(name: str, found: Sequence[Found]) -> Rates:
    harmful = [one for one in found if one.example.kind == "harmful"]
    harmless = [one for one in found if one.example.kind == "harmless"]
    return Rates(
        name,
        Share(sum(not one.own for one in harmful), len(harmful)),
        Share(sum(not one.any for one in harmful), len(harmful)),
        Share(sum(one.own for one in harmless), len(harmless)),
        Share(sum(one.any for one in harmless), len(harmless)),
    )


def _everywhere(harmless: Sequence[Found], categories: Sequence[str]) -> Rates:
    alarms = sum(any(name in categories for name in one.categories) for one in harmless)
    nothing = Share(0, 0)
    stopped = Share(sum(one.any for one in harmless), len(harmless))
    return Rates(EVERYWHERE, nothing, nothing, Share(alarms, len(harmless)), stopped)
