"""What a corpus run says: before, in lines; after, in lines and as a page."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from amalia.pipeline.corpus import Corpus, Funnel, Plan
from amalia.pipeline.corpus_recipe import VARIETIES, CorpusRecipe
from amalia.report import corpus_html
from amalia.report.corpus_html import CorpusPage, CorpusStep, CorpusVariety
from amalia.report.html import write_page

REPORT = "report.html"
_MAX_REASONS = 8


def planned(made: Plan, needed: int, free: int) -> list[str]:
    """Say what will be done."""
    lines = [f"{item.name}: {item.path}, fingerprint {item.fingerprint}" for item in made.inputs]
    for phase in made.phases:
        done = sum(phase.work.is_done(task) for task in range(phase.num_tasks))
        lines.append(f"{phase.name}: {phase.num_tasks} tasks, {done} done")
    return [*lines, disk(needed, free)]


def disk(needed: int, free: int) -> str:
    """Say how much disk a run will take."""
    short = "; make room, or give --out on another disk" if needed > free else ""
    return f"disk: about {needed / 1e9:.2f} GB wanted, {free / 1e9:.1f} GB free{short}"


def told(made: Corpus, out: Path) -> list[str]:
    """Say what was made."""
    found = made.funnel
    lines = [f"{found.captures:,} captures, {found.documents:,} documents, {found.kept:,} kept"]
    for phase, reasons in found.dropped.items():
        if reasons:
            lines.append(f"{phase}: left out {sum(reasons.values()):,}: {_reasons(reasons)}")
    for manifest in made.manifests:
        figures = manifest.figures
        lines.append(
            f"{manifest.name}: {manifest.counts.records:,} documents, {figures['words']:,} words, "
            f"{figures['tokens']:,} tokens"
        )
    return [*lines, f"report: {out / REPORT}"]


def write_report(recipe: CorpusRecipe, made: Corpus, out: Path) -> None:
    """Write the page."""
    found = made.funnel
    page = CorpusPage(recipe.name, found.captures, _steps(found), _varieties(found))
    write_page(corpus_html.render(page), out / REPORT)


def _steps(found: Funnel) -> tuple[CorpusStep, ...]:
    names = {
        "read": "Ler, extrair, limpar, língua",
        "judge": "Limiares de qualidade",
        "write": "Duplicados e avaliação",
    }
    steps, entered = [], found.captures
    for phase, reasons in found.dropped.items():
        step = CorpusStep(names[phase], entered, tuple(Counter(reasons).most_common()))
        steps.append(step)
        entered -= step.left
    return tuple(steps)


def _varieties(found: Funnel) -> tuple[CorpusVariety, ...]:
    return tuple(
        CorpusVariety(
            variety,
            counts["documents"],
            counts["words"],
            counts["tokens"],
            corpus_html.charts(
                domains=counts["domains"],
                years=counts["years"],
                lengths=counts["lengths"],
                qualities=counts["qualities"],
            ),
        )
        for variety in VARIETIES
        if (counts := found.counts[variety])["documents"]
    )


def _reasons(reasons: dict[str, int]) -> str:
    ordered = Counter(reasons).most_common()
    shown = ", ".join(f"{reason} {count:,}" for reason, count in ordered[:_MAX_REASONS])
    more = len(ordered) - _MAX_REASONS
    return shown + (f" and {more} more reasons" if more > 0 else "")
