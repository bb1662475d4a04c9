"""How well a model does what it is asked, with intervals and next to what it does blind.

``evaluate`` runs a model over samples; ``Task`` says how one kind of sample is scored; ``EvalLog``
is what comes out. The tasks of the mini recipe are in ``tasks``, answer parsing in ``answers``.
"""

from amalia.evaluate.log import EvalLog, Result, read_log
from amalia.evaluate.run import evaluate
from amalia.evaluate.task import Metric, Score, Task
from amalia.evaluate.tasks import mini_tasks

__all__ = ["EvalLog", "Metric", "Result", "Score", "Task", "evaluate", "mini_tasks", "read_log"]
