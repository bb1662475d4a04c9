"""Reading one written word or a short line: OCR with its Portuguese letters counted apart.

``diacritics`` is the share of letters with a mark (á, ã, ç …) that the answer has right; a reader that was taught on
English gets everything else and misses these.
"""

from amalia.evaluate import answers, metrics
from amalia.evaluate.task import UNREADABLE, Metric, Score, Task
from amalia.records import Sample


def score(text: str, sample: Sample) -> Score:
    """Score a transcription: capitals and accents count, a full stop at the end does not."""
    said = answers.quoted(text)
    if said is None:
        return UNREADABLE
    if said.endswith(".") and not any(target.endswith(".") for target in sample.targets):
        said = said.rstrip(".").rstrip()
    return Score(metrics.exact(said, sample.targets), said, readable=bool(said))


def capped_cer(found: Score, sample: Sample) -> float:
    """Measure the character error rate, at most 1 so that one long answer cannot outweigh all."""
    return min(1.0, *(metrics.cer(found.answer, target) for target in sample.targets))


def diacritics(found: Score, sample: Sample) -> float | None:
    """Measure the share of the target's marked letters that were read right; None where it has none."""
    return metrics.diacritics(found.answer, sample.target)


METRICS = (
    Metric("exact"),
    Metric("cer", capped_cer, is_lower_better=True),
    Metric("diacritics", diacritics),
)
WORD = Task("reading", "One word, printed or handwritten.", score, METRICS, version=2)
LINE = Task("reading_line", "A short line of words.", score, METRICS, max_new_tokens=48, version=2)
