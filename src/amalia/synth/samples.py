"""Held-out questions with one known answer each, for evaluation.

Every sample has a generator of its own, seeded by seed, split, task and position, so that asking
for more of one task changes nothing of the others and identifiers stay what they were. Answers are
balanced where a guess could profit: counts, yes and no, print and handwriting, sides.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from amalia.errors import RecipeError, RecordError
from amalia.pack import Thing
from amalia.records import Row, Sample
from amalia.synth import chart_questions, questions, subjects
from amalia.synth.conversations import conversation, user
from amalia.synth.lettering import Hand
from amalia.synth.preferences import variety_pair
from amalia.synth.questions import Question
from amalia.synth.scene import MAX_GROUP, Scene
from amalia.synth.splits import Split
from amalia.synth.subjects import Picture, Studio
from amalia.synth.varieties import Varieties

Asked = tuple[Question, Picture]
TASKS = (
    "naming", "counting", "yes_no", "position", "describing", "pointing", "reading", "reading_line",
    "chart", "variety",
)  # fmt: skip
_HANDS: tuple[Hand, ...] = ("printed", "handwriting")
_SIDES = ("à esquerda", "à direita", "em cima", "em baixo")


def samples(
    seed: int,
    *,
    counts: Mapping[str, int],
    studio: Studio,
    varieties: Varieties,
) -> Iterator[Row[Sample]]:
    """Make evaluation samples, task by task.

    Args:
        seed: Another seed gives other samples.
        counts: How many of each of ``TASKS``.
        studio: What pictures are made of and with, and their split; naming asks each of its
            things equally often.
        varieties: What Portugal and Brazil say differently; of the same split.

    Yields:
        A sample and the PNG of its picture, if it has one.

    Raises:
        RecipeError: If a task is unknown.
        RecordError: If there are too few things, words, fonts or paragraphs for a task.
    """
    split = studio.split
    _check(counts, varieties, split)
    order = list(studio.cast.things)
    random.Random(f"amalia.synth.samples/{split}-{seed}").shuffle(order)
    for task, number in counts.items():
        for position in range(number):
            name = f"{task}-{split}-{seed}-{position:05d}"
            rng = random.Random(f"amalia.synth.samples/{name}")
            if task == "variety":
                yield _variety(rng, name, position, varieties, studio)
                continue
            question, picture = _asked(rng, task, position, order[position % len(order)], studio)
            prompt = conversation(name, [user(question.text, picture)], picture.origin)
            sample = Sample(
                id=name,
                task=task,
                prompt=prompt,
                target=question.target,
                accepted=question.accepted,
                groups=(question.group,) if question.group else (),
                origin=picture.origin,
            )
            yield Row(sample, {picture.image.sha256: picture.data})


def _check(counts: Mapping[str, int], varieties: Varieties, split: Split) -> None:
    unknown = sorted(set(counts) - set(TASKS))
    if unknown:
        raise RecipeError(
            f"unknown task {unknown[0]!r} in counts; expected some of {', '.join(TASKS)}; "
            "correct its name"
        )
    if counts.get("variety") and not (varieties.twins and varieties.names):
        raise RecordError(
            f"{len(varieties.twins)} paragraphs and {len(varieties.names)} names of the {split} "
            "split differ between pt-PT and pt-BR; expected at least one of each; give more",
            reason="nothing_fits",
        )


def _asked(rng: random.Random, task: str, position: int, thing: Thing, studio: Studio) -> Asked:
    """Ask the question of one sample; ``position`` balances what can be balanced."""
    if task == "naming":
        _, picture = subjects.portrait(rng, thing, studio=studio)
        return questions.naming(rng, thing, other=studio.cast.absent(rng, [thing])), picture
    if task == "counting":
        scene, picture = subjects.group(rng, studio=studio, count=1 + position % MAX_GROUP)
        return questions.counting(rng, scene, scene.placed[0].thing), picture
    if task == "chart":
        return _chart(rng, position, studio)
    if task in ("reading", "reading_line"):
        write = subjects.word if task == "reading" else subjects.line
        written, picture = write(rng, studio=studio, style=_HANDS[position % 2])
        return questions.reading(rng, written), picture
    while True:
        scene, picture = subjects.gathering(rng, studio=studio)
        question = _about_gathering(rng, task, position, scene, studio)
        if question is not None:
            return question, picture


def _about_gathering(
    rng: random.Random, task: str, position: int, scene: Scene, studio: Studio
) -> Question | None:
    present = [placed.thing for placed in scene.placed]
    if task == "yes_no":
        absent = studio.cast.absent(rng, present)
        return questions.presence(rng, scene, absent if position % 2 else rng.choice(present))
    if task == "pointing":
        return questions.pointing(rng, scene)
    if task == "describing":
        return questions.describing(rng, scene, other=studio.cast.absent(rng, present))
    question = questions.side(rng, scene)
    wanted = _SIDES[position % len(_SIDES)]
    return question if question is not None and question.target == wanted else None


def _chart(rng: random.Random, position: int, studio: Studio) -> Asked:
    chart, picture = subjects.chart(rng, studio=studio)
    asked = (
        chart_questions.tallest(rng, chart),
        chart_questions.tallest(rng, chart, lowest=True),
        chart_questions.bar_value(rng, chart),
        chart_questions.num_bars(rng, chart),
    )
    return asked[position % len(asked)], picture


def _variety(
    rng: random.Random, name: str, position: int, varieties: Varieties, studio: Studio
) -> Row[Sample]:
    group = "name" if position % 3 == 2 else "paragraph"
    pair = variety_pair(rng, varieties, studio=studio, group=group)
    prompt = conversation(name, [user(pair.text, pair.picture)], pair.origin)
    sample = Sample(
        id=name,
        task="variety",
        prompt=prompt,
        target=pair.ours,
        choices=(pair.theirs, pair.ours),
        groups=(group,),
        origin=pair.origin,
    )
    return Row(sample, {pair.picture.image.sha256: pair.picture.data} if pair.picture else {})
