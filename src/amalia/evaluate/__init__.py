"""How well a model does what it is asked, with intervals and next to what it does blind.

``Task`` says how rows become questions and answers become scores (one file each in ``tasks``), ``read_benchmark`` reads
the rows, ``evaluate`` asks a model, ``summarize`` averages, ``write_log`` and ``read_log`` keep it all. Answers are
parsed in ``answers`` alone.
"""

from amalia.evaluate.catalog import find, mini_tasks, published_tasks
from amalia.evaluate.log import (
    EvalLog,
    Outcome,
    Result,
    Spec,
    TaskSpec,
    read_log,
    read_results,
    write_log,
)
from amalia.evaluate.run import check, evaluate, of_samples, spec_of
from amalia.evaluate.scoring import explain, scored
from amalia.evaluate.source import Benchmark, evenly, read_benchmark
from amalia.evaluate.summary import summarize
from amalia.evaluate.tables import Source, revision_of
from amalia.evaluate.task import Metric, PooledMetric, Score, Task
from amalia.evaluate.thumbnails import worst_pictures

__all__ = [
    "Benchmark",
    "EvalLog",
    "Metric",
    "Outcome",
    "PooledMetric",
    "Result",
    "Score",
    "Source",
    "Spec",
    "Task",
    "TaskSpec",
    "check",
    "evaluate",
    "evenly",
    "explain",
    "find",
    "mini_tasks",
    "of_samples",
    "published_tasks",
    "read_benchmark",
    "read_log",
    "read_results",
    "revision_of",
    "scored",
    "spec_of",
    "summarize",
    "worst_pictures",
    "write_log",
]
