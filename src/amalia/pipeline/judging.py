"""A judge beside people: its recipe, and what it found in lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from amalia.evaluate import evenly
from amalia.evaluate.agreement import Agreement
from amalia.evaluate.estimates import Estimate
from amalia.evaluate.judge import AlbaRubric, Graded
from amalia.evaluate.judge_agreement import JudgeReport, judge_agreement, read_graded
from amalia.inference.cache import AnswerCache, Cached
from amalia.pipeline.evaluation_recipe import EvaluationRun, Model
from amalia.pipeline.models import engine_of
from amalia.recipe import Settings


class JudgeRecipe(Settings):
    """A judge and answers that people have graded from 1 to 5."""

    name: str = "judge"
    judge: Model
    graded: str
    """CSV file of graded answers, or a folder of them, in the form of ALBA's."""
    examples: str | None = None
    """Graded answers shown to the judge beforehand, in the same form; none of them may be among ``graded``."""
    pairs: int = Field(default=40, ge=0)
    """Pairs of answers asked in both orders, to see whether the place decides."""
    limit: int | None = Field(default=None, ge=1)
    """So many of the graded answers at most, spread evenly."""
    run: EvaluationRun = EvaluationRun()


def judged(recipe: JudgeRecipe, out: Path) -> JudgeReport:
    """Let the judge of a recipe grade what people have graded.

    Args:
        recipe: Which judge and which answers.
        out: Folder that gets the answers of the judge, where the recipe names no cache.

    Raises:
        TaskError: The graded answers cannot be read.
        GenerationError: The judge answers nothing at all.
    """
    graded = evenly(read_graded(Path(recipe.graded)), recipe.limit)
    rubric = AlbaRubric(examples=examples(recipe.examples))
    out.mkdir(parents=True, exist_ok=True)
    with AnswerCache.open(Path(recipe.run.cache or out / "answers.sqlite")) as cache:
        engine = engine_of(recipe.judge, out, batch=recipe.run.batch)
        kept = engine if recipe.judge.scripted is not None else Cached(engine, cache)
        return judge_agreement(kept, graded, rubric, pairs=recipe.pairs)


def examples(path: str | None) -> tuple[Graded, ...]:
    """Read the examples shown to a judge; none where there is no path."""
    if path is None:
        return ()
    return tuple(one for one in read_graded(Path(path)) if one.rating is not None)


def told(report: JudgeReport) -> list[str]:
    """Say what was found, in lines of text."""
    lines = [
        f"{report.judge}, rubric {report.rubric}",
        f"{report.num_answers} graded answers; {report.num_invalid} replies cannot be read,"
        f" {report.num_failed} did not come, {report.num_ungraded} answers have no grade of a person",
        "",
        f"{'':<28}{'exact':>18}{'kappa':>18}{'Spearman':>18}{'difference':>18}{'n':>6}",
    ]
    rows = [("judge", report.overall), ("length only", report.length_only)]
    rows += list(report.categories.items())
    lines += [_row(name, found) for name, found in rows if found is not None]
    lines += list(_bias(report))
    return lines


def _row(name: str, found: Agreement) -> str:
    cells = (found.exact, found.quadratic_kappa, found.spearman, found.mean_absolute_difference)
    return f"{name:<28}" + "".join(f"{_cell(cell):>18}" for cell in cells) + f"{found.exact.n:>6}"


def _cell(found: Estimate | None) -> str:
    return "–" if found is None else f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _bias(report: JudgeReport) -> Iterator[str]:
    if report.length_bias is not None:
        yield f"\nlength: what sets the judge apart from people goes with length by {_cell(report.length_bias)}"
    found = report.position
    if found is not None:
        yield (
            f"place:  {report.num_pairs} pairs in both orders ({report.num_invalid_pairs} cannot be read): the verdict"
            f" turns in {_cell(found.flips)}, towards the first in {_cell(found.prefers_first)},"
            f" towards the second in {_cell(found.prefers_second)}"
        )
