"""What guards cost: time of the checks by length of a text, and the delay of answers held back to a sentence.

No model is needed: a scripted engine says a word every 20 ms, as a model of 50 tokens a second would, and the
service is asked in this process, once with the packaged policy and once without. Needs ``amalia[serve]``:

    python benchmarks/guard_delay.py

Prints one JSON object: medians in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from amalia.guard import policy
from amalia.guard.guard import Guard
from amalia.guard.verdict import Place
from amalia.serve.assembly import build
from amalia.serve.engine import Piece
from amalia.serve.keys import Caller
from amalia.serve.recipe import ServeRecipe
from amalia.serve.trace import About, Trace
from amalia.serve.wire import ChatRequest

_TEXT = (
    "A biblioteca municipal abre às nove e fecha às dezanove horas. Quem quiser requisitar livros precisa do "
    "cartão de leitor, que se pede ao balcão ou na página da câmara. Os livros podem ficar em casa três semanas. "
)
_PIECE_S = 0.02
_TIMES = 30


def main() -> None:
    """Measure and print."""
    figures = {
        "check_ms": _checks(),
        "first_text_ms": {name: asyncio.run(_first(guard)) for name, guard in _GUARDS.items()},
    }
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


_GUARDS = {"with the packaged policy": "amalia", "without a guard": None}


def _checks() -> dict[str, dict[str, float]]:
    guard = Guard.load(policy.read("amalia"))
    places: tuple[Place, ...] = ("user", "answer")
    figures: dict[str, dict[str, float]] = {}
    for place in places:
        figures[place] = {}
        for num_chars in (80, 200, 1000, 4000, 20_000):
            text = (_TEXT * (num_chars // len(_TEXT) + 1))[:num_chars]
            guard.check(text, place)
            times = [_timed_ms(guard, text, place) for _ in range(_TIMES)]
            figures[place][f"{num_chars} characters"] = round(statistics.median(times), 2)
    return figures


def _timed_ms(guard: Guard, text: str, place: Place) -> float:
    began = time.perf_counter()
    guard.check(text, place)
    return (time.perf_counter() - began) * 1000


async def _first(guard: str | None) -> dict[str, float]:
    """Give when the first text comes and when the last, from a stream of words."""
    with tempfile.TemporaryDirectory() as folder:
        tree = {
            "engine": {"kind": "scripted", "answer": _TEXT, "piece_s": _PIECE_S},
            "guard": guard,
            "page": False,
            "embeddings": False,
            "audit": {"log": f"{folder}/log.sqlite"},
        }
        built = build(ServeRecipe.model_validate(tree), folder=Path(folder))
        firsts, lasts = [], []
        for number in range(5):
            first, last = await _asked(built.front.service, number)
            firsts.append(first)
            lasts.append(last)
    return {
        "first": round(statistics.median(firsts), 1),
        "last": round(statistics.median(lasts), 1),
    }


async def _asked(service: object, number: int) -> tuple[float, float]:
    from amalia.serve.service import Service

    assert isinstance(service, Service)
    body = {"model": "scripted", "messages": [{"role": "user", "content": "A que horas abre?"}]}
    trace = Trace(About(f"{number:032x}", "benchmark", "chat.completions", Caller("")))
    began, first = time.perf_counter(), 0.0
    async for event in await service.chat(ChatRequest.model_validate(body), trace):
        if isinstance(event, Piece) and event.text and not first:
            first = (time.perf_counter() - began) * 1000
    return first, (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
