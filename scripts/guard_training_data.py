"""Sentences that the small classifier of ``amalia.guard`` learns from, made from a grammar of our own.

``guard_templates.txt`` says what people ask in every category and, in the same words, what is harmless;
here come the frames of a request, what stands around it, and how carelessly it is typed. Ordinary
Portuguese are the written registers that ``amalia.variety`` learns from and every second page of the
packaged software help. Nothing is read of ``prompts.tsv``, which measures, nor of ``safety.tsv``.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

_HERE = Path(__file__).resolve().parent
_TEMPLATES = _HERE / "guard_templates.txt"
_REGISTERS = _HERE / "variety_registers"
_PARAGRAPHS = _HERE.parent / "src/amalia/pack/paragraphs.parquet"
_NUM_HELP = 3000
_SHORT = 30
# Written by two people: a sentence of the registers that the test set has too.
_IN_THE_TEST_SET = ("Quantas pessoas morreram no terramoto de 1755?",)
HARMLESS = "harmless"

Sample = tuple[str, str]
"""A text and its category, or ``HARMLESS``."""

_FRAMES: Mapping[str, Sequence[tuple[int, str]]] = {
    # (form of the verb, frame)
    "do": [
        *(
            (0, frame)
            for frame in (
                "Como posso {}?", "Como é que se pode {}?", "Diz-me como {}.", "Explica-me como {}.",
                "Ensina-me a {}.", "Quero {}.", "Queria {}; como faço?", "Gostava de {}.", "Ajuda-me a {}.",
                "Preciso de {}.", "Preciso de ajuda para {}.", "Qual é a melhor maneira de {}?",
                "Há alguma forma de {}?", "O que é preciso para {}?", "Consegues ajudar-me a {}?",
                "Que faço para {}?", "Dá-me ideias para {}.", "Que me aconselha para {}?",
                "Por onde começo para {}?", "Tenho de {}, que sugeres?", "Pretendo {}. Como procedo?",
                "Seria possível ajudar-me a {}?", "Qual é a forma mais fácil de {}?", "Que preciso para {}?",
            )
        ),
        *(
            (1, frame)
            for frame in (
                "Como {}?", "Como é que {}?", "De que maneira {}?", "Como é que eu {}?", "Onde {}?",
                "Com que programa {}?", "Diga-me como {}, por favor.", "E como {}?",
            )
        ),
    ],
    "make": [
        (0, "Podes {}?"), (0, "Consegues {}?"), (0, "Poderia {}?"), (0, "És capaz de {}?"),
        (0, "Queria pedir-te para {}."), (0, "Ajuda-me a {}."), (1, "Preciso que {}."), (1, "Quero que {}."),
        (2, "{}."), (2, "{}, por favor."), (2, "{} já."), (2, "Vá lá, {}."), (2, "Agora {}."),
        (3, "{}."), (3, "Por favor, {}."), (3, "{}, se faz favor."),
    ],
    "thing": [
        (0, frame)
        for frame in (
            "Preciso de {}.", "Dá-me {}.", "Quero {}.", "Arranja-me {}.", "Onde arranjo {}?", "Onde encontro {}?",
            "Tens {}?", "Manda-me {}.", "Mostra-me {}.", "Procura {}.", "Podes dar-me {}?", "Diz-me {}.",
            "Gostava de ter {}.", "Envie-me {}, por favor.", "Conheces {}?",
        )
    ],
    "say": [(0, "{}")],
}  # fmt: skip
# What an answer says that gives what was asked, and one that does not.
_GIVES = (
    "Claro, aqui tens {}.",
    "Com certeza. Aqui vai {}.",
    "Aqui está {}, como pediste.",
    "Toma lá {}.",
)
_DECLINES = (
    "Não posso ajudar a {}.", "Não ajudo ninguém a {}.", "Lamento, mas não vou {}.", "Não te ajudo a {}.",
    "Peço desculpa, mas não posso {}.", "Prefiro não {}.", "Recuso-me a {}; posso ajudar noutra coisa.",
    "Não faço isso: {} faz mal às pessoas.", "{} é crime; procura outra saída.", "Não é correto {}.",
)  # fmt: skip
_ASKS_ABOUT = (
    "É crime {}?", "Qual é a pena por {}?", "É legal {}?", "Porque é que é errado {}?",
    "Apanharam um homem a {}. O que lhe acontece?", "O que diz a lei sobre {}?",
    "Acusaram-me de {}, mas é mentira. O que faço?", "Um colega anda a {}. Como o denuncio?",
)  # fmt: skip
_BEFORE = (
    "Boa tarde. ", "Olá! ", "Bom dia, ", "Olá, tudo bem? ", "Boa noite. ", "Desculpa incomodar. ",
    "Preciso de um conselho. ", "Tenho uma dúvida. ", "É só uma pergunta: ", "É para um trabalho da escola. ",
    "Trabalho numa loja em Aveiro. ", "Sou professora. ", "Tenho 45 anos e dois filhos. ",
    "Vivo em Setúbal. ", "Não digas a ninguém, mas ", "Olhe, ", "Já tentei de tudo. ", "Ouve, ",
    "Sou gerente de uma empresa pequena. ", "Isto é um bocado delicado. ", "Preciso disto hoje. ",
    "É para um livro que estou a escrever. ", "Estou farto disto tudo. ", "Uma amiga pediu-me ajuda. ",
)  # fmt: skip
_AFTER = (
    " Obrigado.", " Obrigada!", " Tenho pressa.", " É urgente.", " Agradeço desde já.", " Por favor.",
    " Em poucas linhas.", " Sê direto.", " Responde em português.", " O mais depressa possível.",
    " É a brincar.", " Desde já, muito obrigada.", " Podes ajudar?", " Não quero lições de moral.",
)  # fmt: skip
_CARELESS = (
    (" que ", " q "), (" para ", " pa "), (" para ", " pra "), (" não ", " n "), (" com ", " c "),
    ("porque", "pq"), (" está ", " tá "), ("quando", "qd"), ("também", "tb"), ("mensagem", "msg"),
    ("telemóvel", "tlm"), ("fotografias", "fotos"), ("por favor", "pf"), ("qualquer", "qq"),
)  # fmt: skip
_FORMS = re.compile(r"\[([^\[\]]*/[^\[\]]*)\]")


@dataclass
class _Section:
    category: str
    kind: str
    lines: list[tuple[str, str]] = field(default_factory=list)


def samples(per_category: int, seed: int = 0) -> list[Sample]:
    """Make the training set; the same arguments give the same texts in the same order.

    Args:
        per_category: Texts of every category of harm and attack, and of each of their contrasts.
        seed: Of the draws.
    """
    slots, sections = _read(_TEMPLATES.read_text("utf-8"))
    made: dict[str, str] = {}
    for section in sections:
        rng = random.Random(f"{seed} {section.kind} {section.category}")
        for text, label in _section(section, slots, per_category, rng):
            made.setdefault(text, label)
    ordinary = _ordinary()
    rng = random.Random(f"{seed} ordinary")
    for text in (
        ordinary if per_category >= len(ordinary) // 10 else rng.sample(ordinary, per_category)
    ):
        made.setdefault(text, HARMLESS)
    _among_others(made, ordinary, per_category // 4, rng)
    return list(made.items())


def fingerprint(made: Sequence[Sample]) -> str:
    """Name a training set by what it holds."""
    digest = hashlib.sha256()
    for text, label in made:
        digest.update(f"{label}\t{text}\n".encode())
    return digest.hexdigest()


def _section(
    section: _Section, slots: Mapping[str, str], wanted: int, rng: random.Random
) -> Iterator[Sample]:
    harmful = section.kind == "harmful"
    label = section.category if harmful else HARMLESS
    seen: set[str] = set()
    # Sections of few words cannot give as many texts as are wanted.
    for _ in range(4 * wanted):
        if len(seen) == wanted:
            return
        way, line = rng.choice(section.lines)
        text, found = _asked(way, line, slots, rng), label
        if harmful and way in ("do", "make") and rng.random() < 0.2:
            text, found = _spoken_about(way, line, slots, rng), HARMLESS
        elif harmful and way == "thing" and rng.random() < 0.15:
            text = rng.choice(_GIVES).format(_written(line, slots, rng, 0))
        text = _typed(_surrounded(text, rng), rng)
        if text not in seen:
            seen.add(text)
            yield text, found


def _asked(way: str, line: str, slots: Mapping[str, str], rng: random.Random) -> str:
    form, frame = rng.choice(_FRAMES[way])
    text = _written(line, slots, rng, form if way != "say" else None)
    if frame.startswith("{}"):
        text = text[:1].upper() + text[1:]
    return frame.format(text)


def _spoken_about(way: str, line: str, slots: Mapping[str, str], rng: random.Random) -> str:
    """Say no to what harms, or ask about it as one who has a right to know."""
    frame = rng.choice(_DECLINES if way == "make" or rng.random() < 0.5 else _ASKS_ABOUT)
    text = frame.format(_written(line, slots, rng, 0))
    return text[:1].upper() + text[1:]


def _written(line: str, slots: Mapping[str, str], rng: random.Random, form: int | None) -> str:
    """Choose among what a line leaves open, from the inside out."""
    while "<" in line and (found := re.search(r"<(\w+)>", line)):
        choice = rng.choice(slots[found[1]].split(" | "))
        line = line[: found.start()] + choice + line[found.end() :]
    while found := re.search(r"\{([^{}]*)\}", line):
        line = line[: found.start()] + rng.choice(found[1].split("|")) + line[found.end() :]
    if form is not None:
        line = _FORMS.sub(lambda m: m[1].split("/")[form], line)
    return re.sub(r"\s+([,.?!;:])", r"\1", " ".join(line.split()))


def _surrounded(text: str, rng: random.Random) -> str:
    if rng.random() < 0.25:
        text = rng.choice(_BEFORE) + text
    if rng.random() < 0.2:
        text += rng.choice(_AFTER)
    return text


def _typed(text: str, rng: random.Random) -> str:
    """Write as people type: short forms, no marks, a slip of the finger."""
    if rng.random() < 0.25:
        for full, short in _CARELESS:
            if rng.random() < 0.5:
                text = text.replace(full, short)
        text = text.lower().rstrip(".?!")
    if rng.random() < 0.12 and len(text) > 12:
        at = rng.randrange(1, len(text) - 2)
        swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        text = swapped if rng.random() < 0.5 else text[:at] + text[at + 1 :]
    return text


def _ordinary() -> list[str]:
    """Gather what nobody would stop: written registers, and half of the pages of software help."""
    texts: dict[str, None] = {}
    for file in sorted(_REGISTERS.glob("*.tsv")):
        for line in file.read_text("utf-8").splitlines():
            texts.setdefault(line.split("\t")[0].strip())
    rows = pq.read_table(_PARAGRAPHS, columns=["page", "pt_pt"]).to_pylist()
    pages = sorted({row["page"] for row in rows})[::2]
    learnt = set(pages)
    help_ = [
        row["pt_pt"] for row in rows if row["page"] in learnt and len(row["pt_pt"] or "") > _SHORT
    ]
    for text in help_[:: max(len(help_) // _NUM_HELP, 1)]:
        texts.setdefault(text)
    return [text for text in texts if text and text not in _IN_THE_TEST_SET]


def _among_others(
    made: dict[str, str], ordinary: Sequence[str], count: int, rng: random.Random
) -> None:
    """Put sentences beside ordinary ones, so that a long text is not a harmless one."""
    for text, label in rng.sample(list(made.items()), min(len(made), 14 * count)):
        other = rng.choice(ordinary)
        made.setdefault(f"{other} {text}" if rng.random() < 0.6 else f"{text} {other}", label)


def _read(text: str) -> tuple[dict[str, str], list[_Section]]:
    slots: dict[str, str] = {}
    sections: list[_Section] = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("@"):
            name, _, choices = line[1:].partition(": ")
            slots[name] = choices
        elif line.startswith("[harm"):
            kind, category = line.strip("[]").split()
            sections.append(_Section(category, kind))
        else:
            way, _, rest = line.partition(": ")
            sections[-1].lines.append((way, rest))
    return slots, sections
