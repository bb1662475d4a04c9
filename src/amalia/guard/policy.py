"""What is done about what is found: a YAML file that a deployer can read, change and sign.

A policy says for each category what happens when it is found in what comes in (``input``), in a retrieved
passage, in a picture, and in an answer. It is identity: its name and version stand in every verdict and in
the log, and two policies of one version must not differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, field_validator

from amalia.errors import RecipeError
from amalia.guard.judges import JudgeSettings
from amalia.guard.verdict import CATEGORIES, IDENTIFIERS, Place
from amalia.recipe import Settings, load, parse

Action = Literal["allow", "flag", "mask", "ask_again", "block"]
"""From the mildest to the severest. ``mask``: what was found is taken out, and put back into the answer
where it came from the question. ``ask_again``: the model answers once more, then it is flagged."""
SEVERITY: tuple[Action, ...] = ("allow", "flag", "mask", "ask_again", "block")

_PACKAGED = "amalia"
_INPUT: tuple[Place, ...] = ("system", "user", "assistant", "tool")


class Rule(Settings):
    """What is done about one category, by where it is found."""

    input: Action = "allow"
    """In a message of the client, of whatever role."""
    passage: Action = "allow"
    """In a retrieved passage; ``block`` leaves that passage out, nothing more."""
    picture: Action = "allow"
    """In text read in a picture."""
    answer: Action = "allow"
    """In what the model says."""

    def action(self, place: Place) -> Action:
        """Say what is done about a finding in a place."""
        if place in _INPUT:
            return self.input
        action: Action = getattr(self, place)
        return action


class Policy(Settings):
    """A whole policy."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """What verdicts and the log call it."""
    version: str
    """Counted up with every change; stands behind the name."""
    rules: dict[str, Rule]
    """Category → what is done. A category that is not named is not looked for."""
    replies: dict[str, str]
    """Category → what is answered in place of what was blocked, in pt-PT; ``default`` for the rest."""
    classifier: float | None = Field(default=None, gt=0, lt=1)
    """From this score on the small trained classifier counts; None leaves it out."""
    judges: tuple[JudgeSettings, ...] = ()
    """Guard models behind endpoints, asked beside the rules."""
    judge_failure: Literal["block", "flag"] = "block"
    """What becomes of a request that a guard model could not be asked about."""
    read_pictures: Literal["never", "if_installed", "always"] = "if_installed"
    """Whether text in pictures is read and checked; ``always`` refuses to start without a reader."""
    max_held_chars: int = Field(default=400, ge=40)
    """An answer is held back until the end of a sentence, at most so many characters."""

    @field_validator("rules")
    @classmethod
    def _names_categories(cls, rules: dict[str, Rule]) -> dict[str, Rule]:
        unknown = sorted(set(rules) - set(CATEGORIES))
        if unknown:
            raise ValueError(
                f"no such category: {', '.join(unknown)}; expected some of {', '.join(CATEGORIES)}"
            )
        wrong = sorted(
            name
            for name, rule in rules.items()
            if name not in IDENTIFIERS
            and "mask" in (rule.input, rule.passage, rule.picture, rule.answer)
        )
        if wrong:
            raise ValueError(
                f"{', '.join(wrong)} cannot be masked; only identifiers can; use flag or block"
            )
        drawn = sorted(name for name, rule in rules.items() if rule.picture == "mask")
        if drawn:
            raise ValueError(
                f"{', '.join(drawn)}: nothing can be taken out of a picture; use flag or block"
            )
        again = sorted(
            name
            for name, rule in rules.items()
            if "ask_again" in (rule.input, rule.passage, rule.picture)
        )
        if again:
            raise ValueError(
                f"{', '.join(again)}: only an answer can be asked again; use flag or block"
            )
        return rules

    @field_validator("replies")
    @classmethod
    def _has_a_reply(cls, replies: dict[str, str]) -> dict[str, str]:
        if "default" not in replies or not all(text.strip() for text in replies.values()):
            raise ValueError("expected a text for default and for every category named here")
        return replies

    @property
    def label(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    def action(self, category: str, place: Place) -> Action:
        """Say what is done about a category in a place."""
        rule = self.rules.get(category)
        return rule.action(place) if rule else "allow"

    def reply(self, category: str) -> str:
        """Give what is said in place of what was blocked."""
        return self.replies.get(category, self.replies["default"])


def read(source: str, *, beside: Path | None = None) -> Policy:
    """Read a policy.

    Args:
        source: ``amalia`` for the packaged one, or the path of a YAML file.
        beside: Folder that a relative path is looked for in before the working folder.

    Raises:
        RecipeError: There is no such file, or it says something invalid.
    """
    if source == _PACKAGED:
        return parse(packaged(), Policy, name=_PACKAGED)
    places = [Path(source)] if beside is None else [beside / source, Path(source)]
    for path in places:
        if path.is_file():
            return load(path, Policy)
    raise RecipeError(
        f"there is no policy {source}; expected {_PACKAGED} or the path of a YAML file; "
        "copy the packaged one with  amalia serve --print-policy"
    )


def packaged() -> Mapping[str, object]:
    """Give the packaged policy as it stands in its file."""
    text = packaged_text()
    tree: Mapping[str, object] = yaml.safe_load(text)
    return tree


def packaged_text() -> str:
    """Give the text of the packaged policy, to start one's own from."""
    return resources.files("amalia.guard").joinpath("amalia.yaml").read_text("utf-8")
