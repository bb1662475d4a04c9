"""How likely an answer is, as far as a server tells: two ways, both pure functions over bodies.

``prompt_logprobs``, an extension of vLLM: the answer is put behind its prompt as the assistant's turn,
and the server says how likely every token of that was. The answer begins where these tokens leave
those of the prompt alone, and ends where the template closes the turn: the same answer asked about
once as a turn to be continued tells what the closing is. Up to its last token that is not blank it
is the end of turn and counts, so the sum is what ``local`` gives. Limits: where no closing can be
told, answers are weighed without their end of turn; white space at the ends of an answer is lost
where the chat template trims it; a token that joins the end of the prompt to the answer counts as
the answer's; and a template that writes an assistant turn otherwise than it opens one, for example
with an empty block of thoughts, is refused.

``top_logprobs``, which most servers give: the likeliest first tokens of an answer. That weighs only
answers that are one letter or digit, by the probability of all tokens that are that letter when
blanks are stripped. It does not look at what follows, the end of turn included: an A that begins
«A resposta é…» counts as A.

Source: ``vllm/entrypoints/openai/chat_completion/protocol.py`` and ``vllm/logprobs.py`` of vLLM, where
the first entry at a place is the token that stands there.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from amalia.inference.base import LogProb, Sampling
from amalia.inference.endpoint_wire import Json, Unusable, chat_body, only_choice, quoted
from amalia.records import Conversation, Row

# What OpenAI gives at most, and vLLM unless told otherwise.
_NUM_TOP = 20
_ONE_TOKEN = Sampling(max_new_tokens=1)
# More than the last token of the prompt does not join the first one of the answer.
_MAX_JOINED_TOKENS = 1
# A turn is closed by a token or two and perhaps a line break; more than this says something.
_MAX_CLOSING_TOKENS = 4


class Token(NamedTuple):
    """A token of a prompt and how likely it was there."""

    id: str
    nats: float
    text: str | None


class Closing(NamedTuple):
    """The tokens that a chat template writes after an answer."""

    ids: tuple[str, ...]
    num_counted: int
    """So many of them, from the first, are the end of turn; blanks after it are not."""


NO_CLOSING = Closing((), 0)
"""Nothing is known to follow an answer."""


def every_token_body(
    model: str,
    row: Row[Conversation],
    answer: str | None,
    *,
    extra: Json,
    is_ended: bool = False,
) -> dict[str, Any]:
    """Ask how likely each token of a prompt is, with an answer behind it or without.

    Args:
        model: Name the server has for the model.
        row: The prompt.
        answer: Text of the assistant's turn; None for the prompt alone.
        extra: Further fields.
        is_ended: Whether that turn is complete, or else yet to be continued.

    Raises:
        RecordError: The prompt does not end in a user turn, or the row lacks a picture.
    """
    body = plain_body(model, row, extra=extra) | {"prompt_logprobs": 0}
    if answer is not None:
        turn = {"role": "assistant", "content": answer}
        body["messages"] = [*body["messages"], turn]
        body |= {"add_generation_prompt": False, "continue_final_message": not is_ended}
    return body


def plain_body(model: str, row: Row[Conversation], *, extra: Json) -> dict[str, Any]:
    """Ask for the first token of the answer and for no likelihood.

    Raises:
        RecordError: The prompt does not end in a user turn, or the row lacks a picture.
    """
    return chat_body(model, row, _ONE_TOKEN, extra=extra)


def first_token_body(model: str, row: Row[Conversation], *, extra: Json) -> dict[str, Any]:
    """Ask for the likeliest first tokens of the answer.

    Raises:
        RecordError: The prompt does not end in a user turn, or the row lacks a picture.
    """
    body = plain_body(model, row, extra=extra)
    return body | {"logprobs": True, "top_logprobs": _NUM_TOP}


def read_tokens(body: Json) -> list[Token | None]:
    """Read the tokens of a prompt; of the first nothing is known.

    Raises:
        Unusable: The server gave none, or something else in their place.
    """
    only_choice(body)
    given = body.get("prompt_logprobs")
    if not isinstance(given, list):
        raise Unusable("no_likelihoods", "answered without prompt_logprobs")
    return [None if entry is None else _token(entry) for entry in given]


def _token(entry: object) -> Token:
    try:
        id_, about = next(iter(entry.items()))  # type: ignore[attr-defined]
        nats = _finite(about["logprob"])
        text = about.get("decoded_token")
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError):
        raise Unusable(
            "malformed", f"gave a likelihood that cannot be read: {quoted(json.dumps(entry))}"
        ) from None
    return Token(str(id_), nats, text if isinstance(text, str) else None)


def _finite(given: float) -> float:
    nats = float(given)
    if not math.isfinite(nats):
        raise ValueError
    return nats


def closing(continued: Sequence[Token | None], ended: Sequence[Token | None]) -> Closing:
    """Tell what closes a turn by the tokens of one to be continued and of the same one complete."""
    if _num_shared(continued, ended) < len(continued):
        return NO_CLOSING  # the end of the answer is joined to what follows
    tail = [token for token in ended[len(continued) :] if token is not None]
    if len(tail) > _MAX_CLOSING_TOKENS or any(token.text is None for token in tail):
        return NO_CLOSING
    told = [place for place, token in enumerate(tail) if (token.text or "").strip()]
    if not told:
        return NO_CLOSING
    return Closing(tuple(token.id for token in tail), told[-1] + 1)


def answer_log_prob(
    prompt: Sequence[Token | None],
    continued: Sequence[Token | None],
    answer: str,
    closed: Closing = NO_CLOSING,
) -> LogProb:
    """Weigh an answer by the tokens of its prompt alone and those with it behind.

    Args:
        prompt: Tokens of the prompt, with what opens the answer.
        continued: Tokens of the prompt with the answer behind it, and with what closes it.
        answer: The answer.
        closed: What closes it.

    Raises:
        Unusable: The answer cannot be told from what the chat template writes around it.
    """
    shared = _num_shared(prompt, continued)
    joined = prompt[shared:]
    end = len(continued) - len(closed.ids)
    own = [token for token in continued[shared:end] if token is not None]
    after = [token for token in continued[max(end, shared) :] if token is not None]
    if (
        len(joined) > _MAX_JOINED_TOKENS
        or not own
        or tuple(token.id for token in after) != closed.ids
        or _has_more(own, joined, answer)
    ):
        raise Unusable(
            "template_differs",
            f"wrote the turn of the answer otherwise than it opens one ({len(prompt)} tokens, of which "
            f"{shared} also stand before the answer)",
        )
    own += after[: closed.num_counted]
    return LogProb(min(0.0, sum(token.nats for token in own)), len(own))


def _num_shared(before: Sequence[Token | None], after: Sequence[Token | None]) -> int:
    """Number of tokens that both begin with."""
    for place, (one, other) in enumerate(zip(before, after, strict=False)):
        if (one and one.id) != (other and other.id):
            return place
    return min(len(before), len(after))


def _has_more(tokens: Sequence[Token], joined: Sequence[Token | None], answer: str) -> bool:
    """Whether the tokens say something before the answer; unsure counts as no."""
    # A letter of several tokens may be shown as this, once for each.
    if "�" in (written := _letters(tokens)):
        return False
    rest, wanted = written.removeprefix(_letters(joined)), _plain(answer)
    return len(rest) > len(wanted) and rest.endswith(wanted)


def _letters(tokens: Iterable[Token | None]) -> str:
    return _plain("".join((token.text or "") if token else "" for token in tokens))


def _plain(text: str) -> str:
    # Tokens shown one by one may lack their blanks, and tokenizers may normalize.
    return "".join(unicodedata.normalize("NFKC", text).split())


def read_first_tokens(body: Json) -> list[Token]:
    """Read the likeliest first tokens of the answer.

    Raises:
        Unusable: The server gave none, or something else in their place.
    """
    log_probs = only_choice(body).get("logprobs")
    content = log_probs.get("content") if isinstance(log_probs, Mapping) else None
    if not (isinstance(content, list) and content and isinstance(content[0], Mapping)):
        raise Unusable("no_likelihoods", "answered without logprobs")
    top = content[0].get("top_logprobs")
    if not (isinstance(top, list) and top):
        raise Unusable("no_likelihoods", "answered without top_logprobs")
    try:
        return [Token("", _finite(entry["logprob"]), str(entry["token"])) for entry in top]
    except (KeyError, TypeError, ValueError):
        raise Unusable(
            "malformed", f"gave likelihoods that cannot be read: {quoted(json.dumps(top))}"
        ) from None


def is_letter(answer: str) -> bool:
    """Whether an answer is one letter or digit, and so sure to be one token."""
    letter = answer.strip()
    return len(letter) == 1 and letter.isalnum()


def letter_log_prob(tokens: Sequence[Token], answer: str) -> LogProb:
    """Weigh an answer of one letter or digit by the likeliest first tokens, at least one.

    A letter that is not among them has at most the probability of the least of them, save that
    several tokens may be that letter; it gets a hair less and is marked ``is_bound``.
    """
    found = [token.nats for token in tokens if (token.text or "").strip() == answer.strip()]
    if not found:
        least = min(token.nats for token in tokens)
        return LogProb(min(0.0, math.nextafter(least, -math.inf)), 1, is_bound=True)
    top = max(found)
    total = top + math.log(sum(math.exp(nats - top) for nats in found))
    return LogProb(min(0.0, total), 1)
