"""Which of the things that a caption names are not in the picture: object hallucination, CHAIR.

``chair_i`` is the share of things named that are not there, over all captions; ``chair_s`` the share of captions that
name at least one such thing. Saying little makes both small, so the share of what is there that was named stands beside
them (``recall``), and ``f1`` of each caption weighs both. A thing counts once in a caption, in singular or plural, and
what a caption says is *not* there does not count.

Things are found by name: what has no known name is neither right nor wrong, and a caption without any cannot be read.

Source: Rohrbach et al. 2018, Object Hallucination in Image Captioning (arXiv:1809.02156), section 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from amalia.evaluate import answers
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.plurals import plurals, singular
from amalia.evaluate.task import UNREADABLE, Array, Metric, PooledMetric, Score, Task, ratio
from amalia.records import Sample

_BETWEEN = ", "
_ABSENT = re.compile(
    r"\b(?:não (?:há|existem?|tem|vejo|se vê(?:em)?|aparecem?|est[áã]o?)|sem|nem|nenhuma?s?)\b[^.,;:!?\n]*",
    re.IGNORECASE,
)
_LONGEST = 128


def read(fields: Fields) -> Iterator[Draft]:
    """Ask for a caption of a picture whose things are known."""
    objects = fields.texts("objects")
    yield Draft(
        "Descreve a imagem.",
        target=_BETWEEN.join(objects),
        accepted=objects,
        pictures=(fields.picture("image"),),
    )


def task(known_names: Iterable[str], synonyms: Mapping[str, str] | None = None) -> Task:
    """Make the task.

    Args:
        known_names: Every thing that a caption may name; singular, or plural where there is no singular.
        synonyms: Other name → name of the same thing, for example a Brazilian one.
    """
    forms = _forms(known_names, synonyms or {})

    def named(text: str, known: Mapping[str, str]) -> set[str]:
        return {known[key] for key in answers.names_in(text, known)}

    def present(sample: Sample) -> tuple[set[str], dict[str, str]]:
        """Give what is in the picture, and all forms there are, with those of things that only it has."""
        new = [
            name
            for target in sample.targets
            for name in target.split(_BETWEEN)
            if not named(name, forms)
        ]
        known = forms | {form: name for form, name in _forms(new, {}).items() if form not in forms}
        return {name for target in sample.targets for name in named(target, known)}, known

    def score(text: str, sample: Sample) -> Score:
        """Score the things that a caption names by F1; the answer lists those that are not there behind a star."""
        there, known = present(sample)
        said = named(_ABSENT.sub(" ", text), known)
        if not said:
            return UNREADABLE
        right = said & there
        shown = [name if name in there else f"*{name}" for name in sorted(said)]
        missed = sorted(there - said)
        return Score(
            2 * len(right) / (len(said) + len(there)),
            _BETWEEN.join(shown),
            readable=True,
            note=f"not named: {_BETWEEN.join(missed)}" if missed else "",
        )

    def counts(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:
        """Count things named, those that are not there, and those that are, [N, 3]."""
        rows = []
        for found, sample in zip(scores, samples, strict=True):
            items = found.answer.split(_BETWEEN) if found.answer else []
            rows.append((len(items), sum(map(_is_invented, items)), len(present(sample)[0])))
        return np.asarray(rows, dtype=np.float64)

    return Task(
        "describing",
        "The things that a caption names, against those that are in the picture.",
        score,
        (
            Metric("f1"),
            PooledMetric("chair_i", counts, _invented_share, is_lower_better=True),
            Metric("chair_s", _has_invented, is_lower_better=True),
            PooledMetric("recall", counts, _recall),
        ),
        max_new_tokens=_LONGEST,
        read=read,
        columns=("image", "objects"),
        instruction="Responde numa ou duas frases e diz só o que vês.",
    )


def _forms(names: Iterable[str], synonyms: Mapping[str, str]) -> dict[str, str]:
    """Index singulars and plurals by their normalized form → thing.

    A name that is the plural of another means the same thing; otherwise a name that is given wins over a plural that is
    made.
    """
    given = {answers.normalize(name): answers.normalize(name) for name in names}
    for other, name in synonyms.items():
        given.setdefault(answers.normalize(other), answers.normalize(name))
    given.pop("", None)
    one = {plural: name for name in given for plural in plurals(name) if plural != name}
    found = {form: one.get(name, name) for form, name in given.items()}
    for form, name in tuple(found.items()):
        for made in (*sorted(plurals(form)), singular(form)):
            found.setdefault(made, name)
    return found


def _is_invented(item: str) -> bool:
    return item.startswith("*")


def _has_invented(found: Score, sample: Sample) -> float:  # noqa: ARG001 - the shape of a measure
    return float(any(map(_is_invented, found.answer.split(_BETWEEN))))


def _invented_share(sums: Array) -> Array:
    return ratio(sums[..., 1], sums[..., 0])


def _recall(sums: Array) -> Array:
    return ratio(sums[..., 0] - sums[..., 1], sums[..., 2])
