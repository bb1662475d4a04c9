"""AMALIAGuard's twelve harms, found by rules that need no model and no download.

What a user writes, or what is read in a picture, is looked at for what it asks for: something that asks
(«como», «escreve») and, behind it in the same sentence, an act and its object. What an answer, a passage or a
tool says is looked at for what it gives: vulgar and hateful words, explicit scenes, recipes for explosives,
threats. The rules are data (``harms.yaml``, ``harm_words.yaml``); ``docs/guard-rates.md`` says how often they are
right. They are a floor under a guard model, and for a service that has none; they are no substitute for one.

Not covered:

- thoughts of hurting oneself, on purpose: who has them is in need of an answer, not of a refusal;
- requests spread over sentences or turns, or that name the act by a pronoun («tenho uma arma; como a uso?»);
- requests in story or game that are meant in earnest: those words excuse violence and harassment;
- requests that say «lei», «evitar», «denunciar» to look like their opposite;
- claims without a request («os ciganos são todos ladrões») in what a user writes;
- people named by anything but a common Portuguese first name or what they are to somebody;
- harm that depends on the picture, on who asks, on what is done with the answer;
- languages other than Portuguese and some English; drugs, weapons and slurs that are not listed;
- in answers: most instructions, and everything said politely. Vulgar words of users, on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import yaml

from amalia.guard.normal_form import normalized
from amalia.guard.rules import Rules
from amalia.guard.verdict import Finding, Place
from amalia.guard.vocabulary import Vocabulary, Words

_ASKED: tuple[Place, ...] = ("user", "picture")
_SAID: tuple[Place, ...] = ("system", "assistant", "tool", "passage", "picture", "answer")


class Harms:
    """Rules for the twelve harms; see ``amalia.guard.verdict.Check``."""

    name = "harms@1"

    def find(self, text: str, place: Place) -> Sequence[Finding]:
        """Give what a text asks for or says, in order of ``start``."""
        vocabulary, asking, giving = _packaged()
        normal = normalized(text)
        words = Words.of(normal)
        hits = vocabulary.hits(words)
        matches = [*asking.find(words, hits)] if place in _ASKED else []
        if place in _SAID:
            matches += giving.find(words, hits)
        found = {
            (
                match.category,
                *normal.span(words.places[match.start][0], words.places[match.end - 1][1]),
            )
            for match in matches
        }
        return sorted(
            (Finding(category, start, end, self.name) for category, start, end in found),
            key=lambda finding: (finding.start, finding.end, finding.category),
        )


@cache
def _packaged() -> tuple[Vocabulary, Rules, Rules]:
    folder = resources.files("amalia.guard")
    words, rules = (
        yaml.safe_load(folder.joinpath(name).read_text("utf-8"))
        for name in ("harm_words.yaml", "harms.yaml")
    )
    vocabulary = Vocabulary(words | rules)
    return vocabulary, Rules(vocabulary, rules["requests"]), Rules(vocabulary, rules["gives"])
