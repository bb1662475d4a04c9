"""The side of a server: vLLM, SGLang, llama.cpp, ``amalia serve``, whatever speaks OpenAI's interface.

Prompts go one at a time, so that no batch of the server's making has a say. What tells most is asked for
first and left out again where the server refuses it: vLLM gives the ids of the prompt (``/tokenize``, beside
``/v1``) and of the tokens it names; others give the text of a token, which is an id where no other token
has the same text; and some give no log-probabilities at all. Pixels no server tells.

Not covered: servers that sample although the temperature is 0, and settings a server takes from
``generation_config.json`` on its own (start vLLM with ``--generation-config vllm``).
"""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
from pydantic import ValidationError

from amalia.errors import GenerationError, RecipeError
from amalia.inference.base import Answer, Sampling
from amalia.inference.endpoint import EndpointSettings, card_of, key_of
from amalia.inference.endpoint_transport import Address, Pauses, Session
from amalia.inference.endpoint_wire import (
    FATAL,
    Json,
    chat_body,
    messages,
    only_choice,
    read_answer,
    who,
)
from amalia.pipeline.parity_prompts import Prompt
from amalia.pipeline.parity_sides import (
    NUM_LIKELIEST,
    NUM_NEW_TOKENS,
    Side,
    Stage,
    Told,
    Words,
    one_line,
    whole,
)

_ID = "token_id:"
_LIKELIHOODS: Json = {"logprobs": True, "top_logprobs": NUM_LIKELIEST}
# vLLM's own: names tokens by their ids, so that none is mistaken for another of the same text.
_BY_ID: Json = {"return_tokens_as_token_ids": True, "return_token_ids": True}
_WAYS: tuple[Json, ...] = ({**_LIKELIHOODS, **_BY_ID}, _LIKELIHOODS, {})
_SAMPLING = Sampling(max_new_tokens=NUM_NEW_TOKENS)


def settings_for(
    url: str, *, model: str | None = None, key_env: str | None = None
) -> EndpointSettings:
    """Say where a server is; an address without a path is that of ``/v1``.

    Raises:
        RecipeError: It is no address.
    """
    address = url.rstrip("/")
    if address.count("/") == 2:
        address += "/v1"
    try:
        return EndpointSettings(url=address, model=model, key_env=key_env, retries=1)
    except ValidationError as error:
        said = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise RecipeError(f"--against got {url!r}; {said}") from error


@contextmanager
def connected(settings: EndpointSettings) -> Iterator[Server]:
    """Connect to a server and choose one of its models.

    Raises:
        GenerationError: No server there, it refuses the key, or which model is meant is not clear.
    """
    key = key_of(settings.url, settings.key_env)
    tls = ssl.create_default_context()
    address = Address(settings.url, key, settings.timeout_s, settings.retries, tls)
    root = httpx.Client(
        base_url=settings.url.removesuffix("/v1"),
        headers={"Authorization": f"Bearer {key}"} if key else None,
        timeout=settings.timeout_s,
        verify=tls,
        trust_env=False,
    )
    with root, Session(address, Pauses()) as session:
        yield Server(settings, card_of(settings, session.models()), session, root)


class Server:
    """A server that was found and has the model; see ``connected``."""

    def __init__(
        self, settings: EndpointSettings, card: Json, session: Session, root: httpx.Client
    ):
        """Keep what ``connected`` has found out."""
        self.model = str(card["id"])
        self.url = settings.url
        limit = card.get("max_model_len")
        self.context_tokens = limit if isinstance(limit, int) and limit > 0 else None
        """Tokens of prompt and answer together, where the server says."""
        self._session = session
        self._root = root

    def side(self, prompts: Sequence[Prompt], words: Words) -> Side:
        """Ask all prompts.

        Args:
            prompts: What is asked.
            words: Of the model, to know the tokens that the server names by their text.

        Raises:
            GenerationError: The server is gone, or refuses the key.
        """
        way = self._way(prompts[0])
        ids_of = {} if way is _WAYS[0] else _ids_of(words)
        tells_ids = self._ids(prompts[0]) is not None
        told = [self._told(prompt, way, ids_of, tells_ids=tells_ids) for prompt in prompts]
        silent: dict[Stage, str] = {"pixels": "a server does not tell what it looks at"}
        if not any(item.first for item in told):
            silent["first token"] = "the server gives no log-probabilities"
        if not any(item.num_tokens for item in told):
            silent["rendered ids"] = silent["image tokens"] = "the server counts no tokens"
        return Side("engine", tuple(told), silent)

    def _way(self, prompt: Prompt) -> Json:
        """Find how much may be asked for: the first of several ways that is not refused."""
        refused: GenerationError | None = None
        for way in _WAYS:
            try:
                self._answer(prompt, way)
            except GenerationError as error:
                if error.reason in FATAL - {"no_likelihoods"}:
                    raise
                refused = error
            else:
                return way
        assert refused is not None
        raise refused

    def _answer(self, prompt: Prompt, way: Json) -> tuple[Answer, Json]:
        body = chat_body(self.model, prompt.row, _SAMPLING, extra=way)
        read = partial(_answer_and_body, sampling=_SAMPLING)
        return self._session.ask(body, read, who=who(prompt.row))

    def _told(
        self, prompt: Prompt, way: Json, ids_of: Mapping[str, int], *, tells_ids: bool
    ) -> Told:
        try:
            answer, body = self._answer(prompt, way)
        except GenerationError as error:
            if error.reason in FATAL - {"no_likelihoods"}:
                raise
            failure = one_line(error)
            return Told(failures={"first token": failure, "greedy text": failure})
        ids = self._ids(prompt) if tells_ids else _whole_numbers(body.get("prompt_token_ids"))
        first = _first(only_choice(body), ids_of)
        return Told(
            ids=ids,
            num_tokens=answer.num_prompt_tokens,
            first=first or None,
            text=whole(answer.text),
        )

    def _ids(self, prompt: Prompt) -> tuple[int, ...] | None:
        """Ask for the ids of a prompt; ``None`` where the server does not tell them."""
        asked = {"model": self.model, "messages": messages(prompt.row)}
        try:
            response = self._root.post("/tokenize", json=asked)
            body = response.json() if response.status_code == 200 else None
        except (httpx.HTTPError, ValueError):
            return None
        return _whole_numbers(body.get("tokens")) if isinstance(body, Mapping) else None


def _answer_and_body(body: Json, *, sampling: Sampling) -> tuple[Answer, Json]:
    return read_answer(body, sampling), body


def _whole_numbers(given: object) -> tuple[int, ...] | None:
    """Read a list of ids; an empty one is an answer to another question."""
    if isinstance(given, list) and given and all(isinstance(item, int) for item in given):
        return tuple(given)
    return None


def _first(choice: Json, ids_of: Mapping[str, int]) -> dict[int, float]:
    """Read the likeliest first tokens; those that cannot be told apart are left out."""
    log_probs = choice.get("logprobs")
    content = log_probs.get("content") if isinstance(log_probs, Mapping) else None
    if not (isinstance(content, list) and content and isinstance(content[0], Mapping)):
        return {}
    found: dict[int, float] = {}
    entry: Any
    for entry in content[0].get("top_logprobs") or ():
        named = str(entry.get("token"))
        token = int(named[len(_ID) :]) if named.startswith(_ID) else ids_of.get(named)
        if token is not None and isinstance(entry.get("logprob"), int | float):
            found[token] = float(entry["logprob"])
    return found


def _ids_of(words: Words) -> dict[str, int]:
    """Give the id of each text that only one token has."""
    size = len(words.tokenizer)
    texts = words.tokenizer.batch_decode(
        [[token] for token in range(size)], clean_up_tokenization_spaces=False
    )
    times = Counter(texts)
    return {text: token for token, text in enumerate(texts) if times[text] == 1}
