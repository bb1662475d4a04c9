"""What the page writes: escaped, marked in words, and nothing of a model's making; and what it lets in."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from html import unescape
from importlib.resources import files
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from running_server import Running, recipe, running

from amalia.guard.verdict import CATEGORIES
from amalia.serve import page_talk, page_text
from amalia.serve.audit import Log, Query
from amalia.serve.audit_record import AuditSettings
from amalia.serve.keys import RateLimits, new_key
from amalia.serve.page_answer import Exchange, Shown, answer, conversation, spoken

HOSTILE = "<script>alert(1)</script> ![x](http://mau.example/?q=1) <img src=x onerror=alert(1)> [a](javascript:1)"
PNG = "data:image/png;base64,iVBORw0KGgo="


def shown(question: str = "?", **more: Any) -> str:
    item = Exchange(question, trace_id="t", is_done=True, **more)
    return conversation([item])


# --- what is written ------------------------------------------------------------------------------


def test_what_a_model_says_is_text_and_nothing_else() -> None:
    told = shown(HOSTILE, answer=HOSTILE)
    assert not re.search(r"<(script|img)|href=\"(?!#)", told)
    assert unescape(told).count("alert(1)") == 4


@given(st.text(alphabet=st.sampled_from("ab<>&\"'[1],2 \nônibus"), max_size=60), st.data())
def test_whatever_is_said_is_shown_whole_and_escaped(said: str, data: st.DataObject) -> None:
    places = st.integers(-2, 70)
    verdicts = [
        {"place": "answer", "category": "hate", "action": "flag", "span": [*span]}
        for span in data.draw(st.lists(st.tuples(places, places), max_size=4))
    ]
    passages = [{"number": 1, "id": "g#1", "title": "", "text": "", "source": "g.md"}]
    told = shown(answer=said, extension={"verdicts": verdicts, "passages": passages})
    body = re.search(r'<p class="said">(.*?)</p><?', told, re.DOTALL)
    assert body is not None
    without_labels = re.sub(r" <small>.*?</small>", "", body[1])
    lines = without_labels.replace("<br>", "\n")
    plain = unescape(re.sub(r"<[^>]*>", "", lines))
    assert re.sub(r"\s+", "", plain) == re.sub(r"\s+", "", said)


def test_citations_lead_to_their_passages_and_weak_ones_say_so() -> None:
    passages = [
        {"number": n, "id": f"g#{n}", "title": f"Guia {n}", "text": "Às <dez>.", "source": source}
        for n, source in ((1, "https://guia.example/1"), (2, "javascript:alert(1)"))
    ]
    citations = [
        {"passage": 1, "support": 0.9, "span": [12, 15]},
        {"passage": 2, "support": 0.2, "span": [28, 31]},
    ]
    told = shown(
        answer="Abre às dez [1]. Fecha às s [2]. E mais [7]. Tudo [1, 2].",
        extension={"passages": passages, "citations": citations},
    )
    assert '<a href="#fonte-t-1" aria-label="Fonte 1">1</a>]</span>' in told
    assert '<a href="#fonte-t-2" aria-label="Fonte 2">2</a>] <small>apoio fraco</small>' in told
    assert "[7]" in told and "#fonte-t-7" not in told
    assert told.count('href="#fonte-t-1"') == 2
    assert "Guia 2 <small>apoio fraco</small>" in told and "Guia 1 <small>" not in told
    assert "Às &lt;dez&gt;." in told
    assert 'href="https://guia.example/1"' in told and 'href="javascript' not in told


def test_what_guards_found_is_marked_in_its_place_and_said_in_words() -> None:
    verdicts = [
        {"place": "answer", "category": "email", "action": "flag", "span": [8, 22]},
        {"place": "answer", "category": "nif", "action": "mask", "span": [26, 40]},
        {"place": "prompt", "category": "phone", "action": "mask", "span": [0, 4]},
    ]
    told = shown(
        answer="Escreva ana@example.pt ou [NIF removido].", extension={"verdicts": verdicts}
    )
    assert '<mark class="flagged">ana@example.pt <small>⚑ correio eletrónico</small></mark>' in told
    assert '<mark class="flagged">[NIF removido]</mark>' in told
    assert "Assinalado nesta resposta: correio eletrónico." in told
    assert "Foram retirados desta resposta dados pessoais: NIF." in told
    assert "telefone" not in told


def test_a_blocked_answer_says_so_and_why() -> None:
    verdicts = [{"place": "prompt", "category": "hate", "action": "block", "span": [0, 3]}] * 2
    told = shown(
        answer="Não posso.", extension={"verdicts": verdicts}, finish_reason="content_filter"
    )
    assert "Esta resposta foi bloqueada. Motivo: discurso de ódio." in told
    assert '<article class="answer blocked">' in told


def test_brazilian_forms_are_underlined_and_say_what_stands_in_portugal() -> None:
    told = shown(answer="Apanhe o ônibus.")
    assert '<span class="brazilian" title="Em Portugal: autocarro">ônibus</span>' in told
    assert "sublinhadas a pontos: «ônibus» (em Portugal: autocarro)." in told
    assert "brazilian" not in shown(answer="Apanhe o autocarro.")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"error": "o modelo falhou."}, "Não foi possível responder: o modelo falhou."),
        (
            {"answer": "Até", "error": "o modelo falhou."},
            "A resposta ficou a meio: o modelo falhou.",
        ),
        ({"answer": "Até", "is_stopped": True}, "A resposta foi interrompida."),
        ({"answer": "Até", "finish_reason": "length"}, "cortada por ser demasiado longa"),
    ],
)
def test_answers_that_are_not_whole_say_why(more: dict[str, Any], says: str) -> None:
    item = Exchange("?", trace_id="t", is_done=True, **more)
    assert says in answer(item, 1) and says in spoken(item, 1)


def test_an_answer_under_way_is_busy_and_has_no_report_button() -> None:
    told = answer(Exchange("?", answer="Ainda", trace_id="t"), 1)
    assert 'aria-busy="true"' in told and "A responder…" in told and "<button" not in told
    assert 'data-report="1"' in shown(answer="Já.")


def test_every_category_has_a_name_in_portuguese() -> None:
    assert set(page_text.CATEGORY_NAMES) == set(CATEGORIES)


# --- what is asked --------------------------------------------------------------------------------


def test_only_pictures_that_are_text_are_taken() -> None:
    given = [
        {"url": PNG, "small": PNG}, {"url": PNG, "small": "http://mau.example/x.png"},
        {"url": "http://mau.example/x.png"}, {"url": "file:///etc/passwd"}, {"url": "/etc/passwd"},
        {"url": 'data:image/png;base64,AA"onerror=x'}, {"url": "data:text/html;base64,AAAA"}, "/etc/passwd", None,
    ]  # fmt: skip
    assert page_talk.shown(given) == (Shown(PNG, PNG), Shown(PNG, ""))
    assert page_talk.shown("/etc/passwd") == page_talk.shown(None) == ()


def test_a_question_without_an_answer_is_not_asked_again_with_the_next() -> None:
    known = [
        Exchange("Um?", answer="Um."),
        Exchange("Dois?", error="o modelo falhou."),
        Exchange("", pictures=(Shown(PNG, ""),)),
    ]
    told = [
        message.model_dump(mode="json", exclude_none=True) for message in page_talk.messages(known)
    ]
    assert [message["role"] for message in told] == ["user", "assistant", "user"]
    assert told[1]["content"] == "Um."
    assert told[2]["content"][0]["image_url"]["url"] == PNG and len(told[2]["content"]) == 1


# --- colors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [":root", ".dark"])
def test_text_stands_out_from_what_is_behind_it(place: str) -> None:
    style = files("amalia.serve").joinpath("page_style.css").read_text("utf-8")
    block = style[style.index(place) :].partition("}")[0]
    colors = dict(re.findall(r"--a-([\w-]+): #([0-9a-f]{3,6})\b", block))
    assert len(colors) >= 12
    for name, behind in (
        ("ink", "page"), ("ink", "card"), ("ink", "faint"), ("ink", "flag-page"), ("soft", "page"),
        ("soft", "card"), ("soft", "faint"), ("bad", "bad-page"), ("flag", "flag-page"), ("flag", "card"),
        ("accent", "card"), ("on-accent", "accent"),
    ):  # fmt: skip
        assert contrast(colors[name], colors[behind]) >= 4.5, (name, behind)


def contrast(one: str, other: str) -> float:
    def luminance(color: str) -> float:
        whole = color if len(color) == 6 else "".join(2 * digit for digit in color)
        parts = [int(whole[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = (
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


# --- what is let in -------------------------------------------------------------------------------

# Gradio uses what asyncio and starlette have newer names for.
OF_GRADIO = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::starlette.exceptions.StarletteDeprecationWarning"
)


@pytest.fixture(scope="module")
def key_and_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Running]]:
    pytest.importorskip("gradio")
    folder = tmp_path_factory.mktemp("page")
    key = new_key(folder / "keys.json", "escola", limits=RateLimits())
    made = recipe(folder / "log.sqlite", page=True, keys=str(folder / "keys.json"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with running(made, folder) as up:
            yield key, up


@pytest.fixture
def served(key_and_server: tuple[str, Running]) -> Running:
    return key_and_server[1]


def joined(data: list[Any], **more: Any) -> dict[str, Any]:
    return {"data": data, "fn_index": 0, "session_hash": "s1", **more}


@OF_GRADIO
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/gradio_api/upload"), ("GET", "/gradio_api/file=/etc/passwd"),
        ("HEAD", "/gradio_api/file=/etc/passwd"),
        ("POST", "/gradio_api/run/predict"), ("POST", "/gradio_api/api/ask"), ("POST", "/gradio_api/call/ask"),
        ("GET", "/gradio_api/proxy=http://127.0.0.1/"), ("POST", "/gradio_api/component_server"),
        ("GET", "/gradio_api/openapi.json"), ("GET", "/monitoring"), ("GET", "/gradio_api/vibe-code"),
        ("GET", "/assets/../../../etc/passwd"), ("OPTIONS", "/gradio_api/queue/join"), ("GET", "/login"),
    ],
)  # fmt: skip
def test_what_the_page_does_not_need_is_not_there(served: Running, method: str, path: str) -> None:
    told = httpx.request(method, served.url + path)
    assert told.status_code == 404
    assert method == "HEAD" or told.json()["error"]["code"] in ("not_found", "http_error")


@OF_GRADIO
@pytest.mark.parametrize(
    "data",
    [
        ["?", [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}], None, None],
        ["?", {"path": "/etc/passwd"}, None, None],
        [
            "?",
            {"deep": [{"path": "http://127.0.0.1:1/", "meta": {"_type": "gradio.FileData"}}]},
            None,
            None,
        ],
        [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, [], None, None],
    ],
)
def test_forged_files_are_refused_before_gradio_sees_them(served: Running, data: list[Any]) -> None:
    for body in (joined(data), joined(["?", [], None, None], event_data=data)):
        told = httpx.post(served.url + "/gradio_api/queue/join", json=body)
        assert (told.status_code, told.json()["error"]["code"]) == (400, "invalid_value")


@OF_GRADIO
@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"content": json.dumps(joined([])), "headers": {"content-type": "text/plain"}}, 415),
        ({"json": joined([]), "headers": {"sec-fetch-site": "cross-site"}}, 403),
        ({"json": joined([], fn_index=999)}, 400),
        ({"json": joined([], session_hash="../x")}, 400),
        ({"content": b"[" * 100, "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"{}", "headers": {"content-type": "application/json"}}, 400),
    ],
)
def test_bodies_that_are_not_the_pages_are_refused(
    served: Running, more: dict[str, Any], status: int
) -> None:
    told = httpx.post(served.url + "/gradio_api/queue/join", **more)
    assert told.status_code == status and "Traceback" not in told.text


@OF_GRADIO
def test_the_routes_of_the_interface_keep_their_addresses(served: Running) -> None:
    with httpx.Client(base_url=served.url) as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/v1/models").status_code == 401
        assert "swagger" in client.get("/docs").text
        assert client.get("/v1/nothing").status_code == 404
        page = client.get("/")
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert 'api_prefix":"/gradio_api"' in page.text


@OF_GRADIO
def test_nothing_is_answered_without_a_key_where_keys_are_needed(
    key_and_server: tuple[str, Running],
) -> None:
    key, served = key_and_server
    assert "Falta a chave" in answered_by_queue(served, ["Olá?", [], None, None]).replace(
        "falta", "Falta"
    )
    assert "não é válida" in answered_by_queue(served, ["Olá?", [], None, "amalia-errada"])
    assert "resposta de ensaio" in answered_by_queue(served, ["Olá?", [], None, key])
    with Log.open(AuditSettings(log=str(served.log)), create=False) as opened:
        (kept,) = opened.search(Query())
        assert (kept.record.endpoint, kept.record.question) == ("page", "Olá?")
    assert key.encode() not in served.log.read_bytes()


@OF_GRADIO
def test_an_address_in_place_of_a_picture_is_never_asked(
    key_and_server: tuple[str, Running],
) -> None:
    key, served = key_and_server
    forged = [
        {"url": url, "small": ""} for url in ("file:///etc/passwd", "http://127.0.0.1:1/x.png")
    ]
    told = answered_by_queue(served, ["E isto?", forged, None, key])
    assert "resposta de ensaio" in told and "Imagem 1" not in told


def answered_by_queue(served: Running, data: list[Any]) -> str:
    """Ask as the page's script does."""
    with httpx.Client(base_url=served.url, timeout=20) as client:
        client.post("/gradio_api/queue/join", json=joined(data)).raise_for_status()
        with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": "s1"}) as told:
            said = ""
            for line in told.iter_lines():
                said += line.encode().decode("unicode_escape") if "\\u" in line else line
                if "process_completed" in line:
                    return said
    raise AssertionError("the queue ended without an answer")
