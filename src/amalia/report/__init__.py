"""Numbers, pictures and texts of a run → one self-contained HTML page in Portuguese (pt-PT)."""

from amalia.report.html import render, write
from amalia.report.model import (
    ArtifactRow,
    Curve,
    EvalRow,
    FunnelRow,
    Interval,
    Picture,
    Report,
    Shown,
    StageRow,
    VarietyRow,
)

__all__ = [
    "ArtifactRow",
    "Curve",
    "EvalRow",
    "FunnelRow",
    "Interval",
    "Picture",
    "Report",
    "Shown",
    "StageRow",
    "VarietyRow",
    "render",
    "write",
]
