"""HTML to main text: ``amalia.corpus.page`` beside trafilatura, on one core, in the same run.

Two sets of pages: the gold set of the tests (short pages of many makes), and 200 made pages of about 4 kB (a menu
of thirty links, an article of plain paragraphs, a foot). Both extractors take turns, and the best turn
of each counts, so that what else the machine does falls on both alike. The peer is called as the published
pipeline of AMALIA called it, favouring precision, without comments.

Prints ``{case: {"ours": x, "peer": y, "ratio": r, "wanted": w}}`` last on stdout, in pages a second (quality: F1
of 0 to 1), versions and machine on stderr, and exits 1 when a wanted ratio is missed.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from amalia.corpus import gold
from amalia.corpus.capture import Capture, Place
from amalia.corpus.clean import cleaned
from amalia.corpus.encoding import decoded
from amalia.corpus.page import page

_GOLD = Path(__file__).parents[1] / "tests" / "corpus" / "gold_pages"
_TURNS = 7
_WANTED = 10.0
_WORDS = (
    "de a o que e do da em um para com não uma os no se na por mais as dos como mas ao ele das tem seu sua ou quando "
    "muito já está também só pelo pela até isso ela entre era depois sem mesmo aos ponte rio aldeia câmara escola "
    "mercado caminho serra igreja comboio autocarro pequeno-almoço trabalhadores moradores presidente associação festa"
).split()


def main() -> None:
    """Measure, print, and say by the exit code whether all that is wanted was reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true", help="the object alone (it is always last)")
    given = parser.parse_args()
    names = ("resiliparse", "trafilatura", "lxml", "ftfy")
    sys.stderr.write(", ".join(f"{name} {version(name)}" for name in names) + "\n")
    sys.stderr.write(f"{platform.processor() or platform.machine()}, {platform.platform()}\n")
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(_GOLD.glob("*.json"))]
    bodies = [file.read_bytes() for file in sorted(_GOLD.glob("*.html"))]
    captures = [_capture(body, row["url"]) for body, row in zip(bodies, rows, strict=True)]
    cases = _speeds("gold pages", captures) | _speeds("4 kB pages", _made(200))
    cases |= _qualities([decoded(each) for each in captures], rows)
    sys.stdout.write(json.dumps(cases, indent=None if given.json else 1) + "\n")
    missed = [name for name, case in cases.items() if case["ratio"] < (case["wanted"] or 0)]
    sys.exit(1 if missed else 0)


def _speeds(name: str, captures: Sequence[Capture]) -> dict[str, dict[str, float | None]]:
    pages = [(decoded(each), each.url) for each in captures]

    def whole() -> None:
        for each in captures:
            cleaned(page(decoded(each), each.url).text)

    def only_page() -> None:
        for html, url in pages:
            page(html, url)

    def peer() -> None:
        for html, _ in pages:
            _theirs(html)

    works: tuple[Callable[[], None], ...] = (only_page, whole, peer)
    best = [float("inf")] * len(works)
    for _ in range(_TURNS):
        for index, work in enumerate(works):
            start = time.perf_counter()
            work()
            best[index] = min(best[index], time.perf_counter() - start)
    ours, with_all, theirs = (len(pages) / seconds for seconds in best)
    return {
        f"{name}, page()": _case(ours, theirs, _WANTED),
        f"{name}, decoded(), page(), cleaned()": _case(with_all, theirs, None),
    }


def _qualities(
    pages: Sequence[str], rows: Sequence[dict[str, object]]
) -> dict[str, dict[str, float | None]]:
    ways: dict[str, Callable[[str, str], str]] = {
        "ours": lambda html, url: page(html, url).text,
        "cleaned": lambda html, url: cleaned(page(html, url).text).text,
        "peer": lambda html, _: _theirs(html),
    }
    means = {}
    for name, way in ways.items():
        scores = []
        for html, row in zip(pages, rows, strict=True):
            said = [p[key] for p in row["pictures"] for key in ("alt", "caption")]  # type: ignore[attr-defined]
            neutral = [row["title"], *row["neutral"], *said]  # type: ignore[misc]
            scores.append(gold.score(way(html, row["url"]), row["paragraphs"], neutral=neutral))  # type: ignore[arg-type]
        means[name] = gold.mean(scores)
        sys.stderr.write(f"{name}: {means[name]}\n")
    return {
        "F1 of paragraphs": _case(means["ours"].paragraph_f1, means["peer"].paragraph_f1, 1.0),
        "F1 of words": _case(means["ours"].word_f1, means["peer"].word_f1, 1.0),
        "F1 of paragraphs, cleaned": _case(
            means["cleaned"].paragraph_f1, means["peer"].paragraph_f1, 1.0
        ),
        "F1 of words, cleaned": _case(means["cleaned"].word_f1, means["peer"].word_f1, 1.0),
    }


def _theirs(html: str) -> str:
    import trafilatura

    # Its removal of duplicates is off, as in page(): it knows texts across calls, so a second turn would
    # find every paragraph known. It costs the peer next to no time.
    found = trafilatura.extract(
        html, favor_precision=True, include_comments=False, deduplicate=False
    )
    return found or ""


def _made(num_pages: int) -> list[Capture]:
    chance = random.Random(0)
    items = "".join(f"<li><a href='/s{i}'>Secção {i}</a></li>" for i in range(30))
    captures = []
    for number in range(num_pages):
        paragraphs = ""
        while len(paragraphs) < 2900:
            words = " ".join(chance.choice(_WORDS) for _ in range(chance.randint(12, 60)))
            paragraphs += f"<p>{words.capitalize()}.</p>"
        text = (
            f"<html lang='pt'><head><title>t</title></head><body><nav><ul>{items}</ul></nav>"
            f"<article>{paragraphs}</article><footer>© 2019</footer></body></html>"
        )
        captures.append(_capture(text.encode(), f"http://www.exemplo.pt/{number}.html"))
    return captures


def _capture(body: bytes, url: str) -> Capture:
    return Capture(url, None, "text/html", None, body, "", Place("benchmark", "made", 0))


def _case(ours: float, peer: float, wanted: float | None) -> dict[str, float | None]:
    return {
        "ours": round(ours, 3),
        "peer": round(peer, 3),
        "ratio": round(ours / peer, 2),
        "wanted": wanted,
    }


if __name__ == "__main__":
    main()
