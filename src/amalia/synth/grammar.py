"""Portuguese agreement for the nouns that conversations talk about.

Articles, contractions, number words and lists, all from a thing's gender and number. It knows no
sentences: those are in ``phrasing``. Only everyday things (gender and plural known) are accepted.
"""

from collections.abc import Sequence

from amalia.pack import Thing

_NUMBERS = (
    ("zero", "zero"),
    ("um", "uma"),
    ("dois", "duas"),
    ("três", "três"),
    ("quatro", "quatro"),
    ("cinco", "cinco"),
    ("seis", "seis"),
    ("sete", "sete"),
    ("oito", "oito"),
    ("nove", "nove"),
    ("dez", "dez"),
    ("onze", "onze"),
    ("doze", "doze"),
)


def number_word(number: int, gender: str) -> str:
    """Spell a number from 0 to 12, agreeing with a noun of ``gender`` ("m" or "f")."""
    masculine, feminine = _NUMBERS[number]
    return feminine if gender == "f" else masculine


def inflected(thing: Thing, masculine: str) -> str:
    """Give the form of an article-like word that agrees with a thing.

    Args:
        thing: An everyday thing.
        masculine: The masculine singular: "o", "do", "no", "ao", "um", "num" or "nenhum".

    Returns:
        For example "da" for "do" and a feminine singular, "uns" for "um" and a masculine plural.
    """
    assert thing.gender is not None
    column = (2 if thing.gender == "f" else 0) + (1 if thing.is_plural else 0)
    return {
        "o": ("o", "os", "a", "as"),
        "do": ("do", "dos", "da", "das"),
        "no": ("no", "nos", "na", "nas"),
        "ao": ("ao", "aos", "à", "às"),
        "um": ("um", "uns", "uma", "umas"),
        "num": ("num", "nuns", "numa", "numas"),
        "nenhum": ("nenhum", "nenhuns", "nenhuma", "nenhumas"),
    }[masculine][column]


def indefinite(thing: Thing) -> str:
    """Name a thing with its indefinite article: "um gato", "uma maçã", "uns óculos"."""
    return f"{inflected(thing, 'um')} {thing.name}"


def definite(thing: Thing) -> str:
    """Name a thing with its definite article: "o gato", "a maçã", "os óculos"."""
    return f"{inflected(thing, 'o')} {thing.name}"


def counted(number: int, thing: Thing) -> str:
    """Say how many of a thing: "um gato", "duas maçãs"; of a plural name ("óculos") only one."""
    if number == 1:
        return indefinite(thing)
    assert thing.gender is not None
    assert thing.plural is not None
    return f"{number_word(number, thing.gender)} {thing.plural}"


def enumerated(items: Sequence[str]) -> str:
    """Join items as a Portuguese list: "um gato, duas maçãs e um cão"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} e {items[-1]}"


def agreement(thing: Thing, mark: str = "") -> dict[str, str]:
    """Every form of a thing that a sentence may hold, by the name of its field in ``phrasing``.

    Args:
        thing: An everyday thing.
        mark: Appended to each field name, so that one sentence can speak of two things.

    Returns:
        ``name`` gato, ``plural`` gatos, ``um`` um gato, ``num`` num gato, ``o`` o gato, ``os`` os
        gatos, ``do`` do gato, ``no`` no gato, ``ao`` ao gato, ``nenhum`` nenhum gato,
        ``quantos``, and the verbs ``é``, ``está`` and ``fica`` in the number of the name.
    """
    assert thing.plural is not None
    feminine, several = thing.gender == "f", thing.is_plural
    articles = ("um", "num", "o", "do", "no", "ao", "nenhum")
    forms = {form: f"{inflected(thing, form)} {thing.name}" for form in articles}
    forms |= {
        "name": thing.name,
        "plural": thing.plural,
        "os": f"{'as' if feminine else 'os'} {thing.plural}",
        "quantos": "quantas" if feminine else "quantos",
        "é": "são" if several else "é",
        "está": "estão" if several else "está",
        "fica": "ficam" if several else "fica",
    }
    return {f"{field}{mark}": form for field, form in forms.items()}
