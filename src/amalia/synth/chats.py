"""Conversations in text alone: pictures told in words, the two varieties of Portuguese, and who Amália is.

They are an endless, pure function of the generator's state, and stay within one split.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from amalia.pack import Paragraph, Thing
from amalia.records import Conversation, Origin, Row, Text, Turn
from amalia.synth import phrasing, questions, sketch, subjects
from amalia.synth.conversations import (
    assistant,
    conversation,
    drawn,
    drawn_kind,
    gathering_questions,
    portrait_questions,
    user,
)
from amalia.synth.grammar import agreement, enumerated
from amalia.synth.lettering import MAX_SHORT_LETTERS
from amalia.synth.phrasing import Bank, ask, fill
from amalia.synth.splits import Split, drawn_letters
from amalia.synth.subjects import Cast
from amalia.synth.varieties import Varieties

TEXT_WEIGHTS: Mapping[str, float] = {
    "sketch": 0.36,
    "rewrite": 0.22,
    "local_name": 0.16,
    "explain": 0.06,
    "identity": 0.05,
    "name_for": 0.04,
    "plural": 0.04,
    "no_image": 0.03,
    "small_talk": 0.02,
    "unknown": 0.02,
}
_SKETCHED = {"portrait": 0.25, "gathering": 0.55, "writing": 0.2}
# A verdict is one word of an answer and the last to be learnt, so it is asked for most.
_FIRST_OF_A_PORTRAIT = {"naming": 0.35, "is_it": 0.55, "choice": 0.1}
_FIRST_OF_A_GATHERING = {"describing": 0.3, "presence": 0.55, "placing": 0.15}
Said = tuple[list[tuple[str, str]], Origin]


def text_conversations(
    rng: random.Random,
    *,
    things: Sequence[Thing],
    words: Sequence[str],
    varieties: Varieties,
    split: Split,
    weights: Mapping[str, float] = TEXT_WEIGHTS,
) -> Iterator[Row[Conversation]]:
    """Make conversations without a picture, without end.

    Args:
        rng: Source of every choice; the same state gives the same rows.
        things: Words to talk about; plurals and explanations are of the everyday ones.
        words: Words to read letter by letter, of the same split; without any, none is read.
        varieties: What Portugal and Brazil say differently; of the same split.
        split: Of what sketches show.
        weights: How often each kind of ``TEXT_WEIGHTS`` is made, relative to their sum. Kinds that
            things and varieties have nothing for are left out.

    Yields:
        A conversation and no pictures.

    Raises:
        RecipeError: If ``weights`` names an unknown kind or nothing has a weight.
        RecordError: If there are too few things.
    """
    cast = subjects.Cast.of(things)
    everyday = cast.things
    pairs, twins = varieties.names, varieties.twins
    explained = _explainable(everyday)
    short = [word for word in words if len(word) <= MAX_SHORT_LETTERS]
    single = [thing for thing in explained if " " not in thing.name]
    kinds: dict[str, Callable[[random.Random], Said]] = {
        "sketch": lambda rng: _sketch(rng, cast, short, split),
        "plural": lambda rng: _plural(rng, everyday),
        "identity": _identity,
        "small_talk": _small_talk,
        "no_image": lambda rng: _simple(rng, phrasing.NO_IMAGE),
        "unknown": lambda rng: _simple(rng, phrasing.UNKNOWN),
    }
    if pairs:
        kinds["local_name"] = lambda rng: _local_name(rng, pairs)
    if twins:
        kinds["rewrite"] = lambda rng: _rewrite(rng, twins)
    if single:
        kinds["explain"] = lambda rng: _explain(rng, single)
        kinds["name_for"] = lambda rng: _name_for(rng, explained)
    while True:
        kind = drawn_kind(rng, weights, kinds, known=TEXT_WEIGHTS)
        said, origin = kinds[kind](rng)
        turns: list[Turn] = []
        if rng.random() < (0.5 if kind == "identity" else 0.1):
            turns.append(Turn(role="system", parts=(Text(text=rng.choice(phrasing.SYSTEM)),)))
        if kind not in ("identity", "small_talk") and rng.random() < 0.05:
            said = [*_small_talk(rng)[0], *said]
        for text, answer in said:
            turns += (user(text), assistant(answer))
        yield Row(conversation(f"{kind}-{split}", turns, origin), {})


def _sketch(rng: random.Random, cast: Cast, words: Sequence[str], split: Split) -> Said:
    """Ask about a picture told in words what could be asked about a picture."""
    kind = drawn(rng, _SKETCHED if words else {"portrait": 1.0, "gathering": 1.0})
    if kind == "writing":
        is_word = rng.random() < 0.5
        text = rng.choice(words) if is_word else drawn_letters(rng, MAX_SHORT_LETTERS, split)
        lettering, told = sketch.writing(rng, text)
        asked = [questions.reading(rng, lettering, is_word=is_word)]
        origin = _worded(text) if is_word else _own()
    elif kind == "portrait":
        made = sketch.portrait(rng, rng.choice(cast.things))
        asked = portrait_questions(
            rng, made.scene, cast=cast, split=split, weights=_FIRST_OF_A_PORTRAIT
        )
        told, origin = made.text, _named(made.scene.placed[0].thing)
    else:
        # The blocks of two alike could not be told apart.
        things = subjects.company(rng, cast, split, all_different=True)
        made = sketch.gathering(rng, things)
        asked = gathering_questions(rng, made.scene, cast=cast, weights=_FIRST_OF_A_GATHERING)
        told, origin = made.text, _named(*things)
    said = [(question.text, question.answer) for question in asked]
    fields = {"sketch": f"\n{told}\n", "question": said[0][0]}
    first = fill(rng.choice(phrasing.SKETCH), fields)
    return [(first.strip(), said[0][1]), *said[1:]], origin


def _plural(rng: random.Random, things: Sequence[Thing]) -> Said:
    thing = rng.choice([thing for thing in things if not thing.is_plural])
    return [_exchange(rng, phrasing.PLURAL, agreement(thing))], _named(thing)


def _identity(rng: random.Random) -> Said:
    said = [_exchange(rng, phrasing.IDENTITY, {})]
    if rng.random() < 0.4:
        said.append(_exchange(rng, phrasing.ABILITY, {}))
    return said, _own()


def _small_talk(rng: random.Random) -> Said:
    return [_exchange(rng, rng.choice(phrasing.SMALL_TALK), {})], _own()


def _simple(rng: random.Random, bank: Bank) -> Said:
    return [_exchange(rng, bank, {})], _own()


def _local_name(rng: random.Random, pairs: Sequence[tuple[Thing, tuple[str, str]]]) -> Said:
    thing, (ours, theirs) = rng.choice(pairs)
    return [_exchange(rng, phrasing.TRANSLATE_NAME, {"name": ours, "br": theirs})], _named(thing)


def _rewrite(rng: random.Random, twins: Sequence[Paragraph]) -> Said:
    twin = rng.choice(twins)
    bank, text = (
        (phrasing.REWRITE, twin.pt_br) if rng.random() < 0.7 else (phrasing.TRANSLATE, twin.en)
    )
    origin = subjects.made_from("pack:paragraphs", "MPL-2.0", (twin.id,))
    return [(ask(rng, bank, {"text": text}), twin.pt_pt)], origin


def _explain(rng: random.Random, things: Sequence[Thing]) -> Said:
    thing = rng.choice(things)
    fields = agreement(thing) | {"keywords": enumerated(_keywords(thing)[:3])}
    return [_exchange(rng, phrasing.EXPLAIN, fields)], _named(thing)


def _name_for(rng: random.Random, things: Sequence[Thing]) -> Said:
    thing = rng.choice(things)
    fields = agreement(thing) | {"keywords": enumerated(_keywords(thing)[:3])}
    return [_exchange(rng, phrasing.NAME_FOR, fields)], _named(thing)


def _exchange(rng: random.Random, bank: Bank, fields: Mapping[str, str]) -> tuple[str, str]:
    return ask(rng, bank, fields), fill(rng.choice(bank.answers), fields)


def _keywords(thing: Thing) -> list[str]:
    """Give the keywords that say something new and can stand in a sentence."""
    own = set(thing.name.casefold().split())
    return [
        word
        for word in thing.keywords
        if word.islower()
        and all(part.isalpha() for part in word.replace("-", " ").split())
        and own.isdisjoint(word.casefold().split())
        and len(word.split()) <= 2
    ]


def _explainable(things: Sequence[Thing]) -> list[Thing]:
    """Give the things whose keywords no other thing shares, so that they lead back to its name."""
    hints = {thing.id: frozenset(_keywords(thing)[:3]) for thing in things}
    shared = Counter(hints.values())
    return [t for t in things if len(hints[t.id]) >= 2 and shared[hints[t.id]] == 1]


def _named(*things: Thing) -> Origin:
    parents = tuple(f"thing:{thing.id}" for thing in things)
    return subjects.made_from("pack:things", "Unicode-3.0", parents)


def _worded(word: str) -> Origin:
    """Words are those of the pack's paragraphs and names."""
    return subjects.made_from("pack:paragraphs", "MPL-2.0 AND Unicode-3.0", (f"word:{word}",))


def _own() -> Origin:
    return subjects.made_from("amalia:phrasing", "Apache-2.0")
