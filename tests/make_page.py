"""Builders of the values of a page about evaluations, every field defaulted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import make_log

from amalia.report import Picture
from amalia.report import evaluation_text as words
from amalia.report.evaluation import (
    AdherenceRow,
    ComparisonRow,
    EvaluationPage,
    FamilyRow,
    HealthRow,
    LettersRow,
    ModelRow,
    Reason,
    ResultRow,
    SaidBy,
    SampleRow,
    TaskRow,
    Wording,
)


def result(**more: object) -> ResultRow:
    """Make a result of a whole task."""
    fields: dict[str, object] = {
        "model": "dpo",
        "task": "caravela_mcq",
        "metric": "accuracy",
        "value": 0.78,
        "standard_error": 0.029,
        "low": 0.717,
        "high": 0.832,
        "n": 1200,
        "num_units": 310,
    }
    return ResultRow(**{**fields, **more})  # type: ignore[arg-type]


def comparison(**more: object) -> ComparisonRow:
    """Make a comparison that the first model wins."""
    fields: dict[str, object] = {
        "first": "dpo",
        "second": "sft",
        "task": "caravela_mcq",
        "metric": "accuracy",
        "first_value": 0.78,
        "second_value": 0.66,
        "difference": 0.12,
        "low": 0.04,
        "high": 0.2,
        "n": 1190,
        "adjusted_p": 0.0004,
        "verdict": "first",
    }
    return ComparisonRow(**{**fields, **more})  # type: ignore[arg-type]


def sample(**more: object) -> SampleRow:
    """Make a sample that one model answers rightly and the other not at all."""
    fields: dict[str, object] = {
        "id": "caravela_mcq/7",
        "task": "caravela_mcq",
        "question": "Que torre é esta?\nA. Torre de Belém\nB. Torre dos Clérigos",
        "target": "B",
        "groups": ("Monumentos",),
        "said": (
            SaidBy("dpo", "A resposta é B.", "right", 1.0, read="B"),
            SaidBy("sft", "Não sei.", "unreadable", 0.0, note="nenhuma letra"),
        ),
    }
    return SampleRow(**{**fields, **more})  # type: ignore[arg-type]


def make_page(**changes: object) -> EvaluationPage:
    """Build a page with something in every section."""
    full = EvaluationPage(
        title=words.title(("dpo", "sft")),
        created_at=datetime(2026, 11, 21, 22, 58, tzinfo=UTC),
        models=(
            ModelRow("dpo", "amalia-vl-dpo@abc", code="amalia 0.1.0", command="amalia eval x.yaml"),
            ModelRow("sft", "amalia-vl-sft@def", packages={"torch": "2.9.0"}),
        ),
        health=(
            HealthRow(
                "sft",
                "caravela_mcq",
                1200,
                1180,
                (Reason("timeout", 19, "nada veio em 60 s"), Reason("prompt_too_long", 1)),
                num_unreadable=7,
                num_cut=3,
                num_refused=2,
                num_invalid_judgements=5,
                is_failing=True,
            ),
            HealthRow("dpo", "caravela_mcq", 1200, 1200),
        ),
        results=(
            result(blind=0.31, majority=0.262, readable=0.998, beats_blind=True),
            result(model="sft", value=0.66, low=0.62, high=0.7, blind=0.65, beats_blind=False),
            result(metric="cer", value=0.1, low=0.05, high=0.2, is_lower_better=True),
            result(group="Monumentos", value=0.9, low=0.8, high=0.95, n=40),
            result(task="mme", metric="points", value=1523.4, low=1450, high=1600, unit="points"),
        ),
        families=(FamilyRow("dpo", "caravela", "macro", 3, 0.61, 0.01, 0.59, 0.63, 3600),),
        comparisons=(
            comparison(task="caravela", metric="igual para todas", is_family=True),
            comparison(num_other=2, num_alone=10),
            comparison(task="chartqa", verdict="cannot tell", low=-0.01, adjusted_p=0.31),
            comparison(task="mme", difference=None, differs={"version": ("1", "2")}),
            comparison(task="pope", difference=None),
            comparison(task="novo", metric="", difference=None),
            comparison(metric="macro", is_headline=False),
            comparison(group="Monumentos", is_headline=False, verdict="second"),
        ),
        letters=(LettersRow("dpo", "caravela_mcq", {"A": 0.5, "B": 0.5}),),
        adherence=(
            AdherenceRow(
                "sft",
                "caravela_vqa",
                {"pt-PT": 30, "pt-BR": 10},
                0.75,
                0.6,
                0.86,
                (Wording("ônibus", "autocarro", 6), Wording("a gente", None, 1)),
            ),
        ),
        samples=(
            sample(picture=Picture(make_log.jpeg(), "image/jpeg")),
            sample(
                id="caravela_mcq/8",
                groups=(),
                said=(
                    SaidBy("dpo", "", "failed", failure="timeout", message="nada veio em 60 s"),
                    SaidBy("sft", "quase", "partial", 0.63),
                ),
            ),
        ),
        num_samples=1200,
        tasks=(
            TaskRow(
                ("dpo", "sft"),
                "mmmu",
                2,
                "upstream",
                "amalia-llm/MMMU-PT",
                "0123",
                "cc-by-nc-4.0",
                128,
                is_non_commercial=True,
                orders=3,
                judge="juiz@1, rubrica 2",
                instruction="Responde só com a letra.",
            ),
        ),
    )
    return replace(full, **changes)  # type: ignore[arg-type]
