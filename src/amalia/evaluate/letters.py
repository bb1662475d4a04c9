"""Which of several options an answer picks, by letter or by number.

``labels`` marks where options are named. Here what is said of them counts: those that are denied, put aside or asked
about go first («a A está errada», «eliminando A e C», «não é a B»), then a stated result wins over an option that is
only mentioned. Two different ones at one level are no answer.
"""

import re
import unicodedata

from amalia.evaluate.labels import FIRST, GONE, LABEL, NOUN, with_letters, with_numbers

# --- what does not count --------------------------------------------------------------------------

_CLOSE = r"[)\]\"'»”}]*"
_ITEM = rf"(?:(?:as?|os?|às?|the)\s+)?(?:{NOUN}\s+)?[(\[«“\"]*{LABEL}{_CLOSE}"
_BLANKS = r"[^\S\n]"
_AND = r"(?:\s*,?\s+(?:e|ou|nem|or|and|nor)\s+)"
_LIST = rf"{_ITEM}(?:(?:\s*,\s*{_ITEM}){{0,9}}{_AND}{_ITEM}){{0,9}}"
_CHAIN = rf"{_ITEM}(?:(?:\s*[,;/]\s*|{_AND}){_ITEM}){{0,9}}"
_WRONG = (
    r"(?:(?:errad|fals|incorret|inválid|impossíve|improváve|absurd|excluíd|eliminad|descartad|afastad|rejeitad|inadequad"
    r"|irrelevant|falha|contradi|de\s+fora|wrong|incorrect)\w*|fora\b|mal\b|má\b)"
)
_STATE = r"(?:é|são|está|estão|seria|seriam|fica|ficam|parecem?|ser|estar|is|are)"
_ADVERB = r"(?:também|logo|já|ambas|todas|[^\W\d_]+mente)"
# Two denials that say which: «nenhuma está certa exceto a B», «não pode ser outra senão a C».
_NONE_BUT = re.compile(
    r"\b(?:(?:não|nao|nenhuma)\b[^.;!?\n]{0,60}?\b(?:senão|a\s+não\s+ser(?:\s+que\s+seja)?|exceto|salvo|menos"
    r"|além\s+d[ae]|à\s+exceção\s+d[ae]|que\s+não(?:\s+seja|\s+é)?)"
    rf"|{_WRONG}\b[^.;!?\n]{{0,40}}?\b(?:exceto|menos|salvo|senão|à\s+exceção\s+d[ae]))\s+(?={_ITEM})",
    re.IGNORECASE,
)
_ALL_WRONG_BUT = re.compile(
    r"\btodas(?:\s+as\s+[^\W\d_]+)?\s+(?:exceto|menos|salvo|à\s+exceção\s+d[ae])\s+"
    rf"(?P<item>{_ITEM})\s+{_STATE}\s+{_WRONG}",
    re.IGNORECASE,
)
_TURN = (
    r"(?:mas|porém|porque|pois|logo|portanto|então|por|para|outr[ao]s?|senão|dúvidas?|difícil|complicado|custa|preciso"
    r"|só|apenas|além|hesit\w+|fica|resta|sobra|escolh\w+|restantes|but)"
)
_GAP = rf"(?:{_BLANKS}+(?!{_TURN}\b)[^\W\d_]+(?:-[^\W\d_]+)?)"
_DENIED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # «não é a B», «não me parece que seja a B», «nem a A», «e não a C».
        rf"\b(?:não|nao|nem|nunca|jamais|not|isn['’]t){_GAP}{{0,5}}?{_BLANKS}+[(\[«“\"]*{_LIST}"
        r"(?!\s+(?:é|está|são|estão|is)\b)",
        # «a B não», «A e C não podem ser».
        rf"{_LIST}(?<!\)){_BLANKS}+(?:{_ADVERB}\s+|é\s+que\s+)*(?:não|nao)\b"
        rf"(?!\s+(?:só|apenas|{_ITEM}|deixa|tem\s+erros|(?:é|está)\s+{_WRONG}))",
        rf"{_LIST}\s+(?:is|are)\s+not\b|{_LIST}\s+(?:isn['’]t|aren['’]t|can['’]?t|cannot)\b",
        # «A é falsa», «C (incorreta)».
        rf"{_LIST}(?<!\)){_BLANKS}*\(?(?:(?:(?:{_STATE}|{_ADVERB})\s+)*{_WRONG}|[❌✗✘✖])",
        # «erradas: A e C», «são falsas a A e a C».
        rf"(?:\b(?:errad|fals|incorret)as\s*:|\bsão\s+(?:errad|fals|incorret)as)\s*{_CHAIN}",
        # «eliminando A, C e D», «à exceção da B».
        r"\b(?:elimin(?!aç)\w+|exclu(?!s)\w+|descart\w+|rejeit\w+|afast\w+|risc(?:o|ando|amos|ad[ao]s?)|tirando|retirando"
        r"|excetuando|de\s+lado|de\s+parte|ruling\s+out|discarding)"
        rf"{_GAP}{{0,3}}?{_BLANKS}+{_CHAIN}(?!\s+{_STATE}\b)",
        rf"\b(?:exceto|salvo|menos){_BLANKS}+{_LIST}",
        rf"\b(?:à\s+exceção|em\s+vez|em\s+lugar|ao\s+contrário|ao\s+invés)\s+d[ae]\s+{_LIST}",
        # «será a A ou a B?»
        rf"{_CHAIN}(?<![)\]])[^.!?;,:()–—\n-]{{0,80}}\?",
        # «mais provável do que a B», «entre A e B», «se fosse a C».
        rf"\b(?:do\s+que|entre|se\s+(?:a\s+resposta\s+)?(?:é|for|fosse|será|seria)){_BLANKS}+{_LIST}",
    )
)

_WITH_TEXT = re.compile(rf"(?:(?m:^)|[\s(])(?P<label>{LABEL})\s*[).:=–—-]")
_WEIGHED = re.compile(
    rf"{LABEL}{_CLOSE}\s*[).:=–—-]*\s*(?:(?:(?:{_STATE}|{_ADVERB})\s+)*{_WRONG}|não\b|[❌✗✘✖])",
    re.IGNORECASE,
)

# --- what states a result -------------------------------------------------------------------------

_ONE = (
    r"(?:opção|opcao|alternativa|al[ií]nea|letra|hipótese|resposta|escolha|afirmação|proposição|frase|item|gabarito"
    r"|option|answer|choice)"
)
_RIGHT = (
    r"(?:certas?|corretas?|certo|correto|verdadeiras?|acertada|adequada|escolhida|right|correct)"
)
_VERB = (
    r"(?:é|era|será|seria|seja|fica|deve\s+ser|só\s+pode\s+ser|tem\s+de\s+ser|há\s+de\s+ser|parece(?:-me)?(?:\s+ser)?"
    r"|is|would\s+be)"
)
_CUE = (
    # «a resposta certa é», «Resposta:»
    rf"(?<!\bcada )\b{_ONE}(?:\s+(?:final|minha|{_RIGHT}))*\s*(?:\b{_VERB}\b|[:=→–—]|->)"
    # «a certa é», «a mais antiga é»
    rf"|\b(?:{_RIGHT}|melhor|mais\s+[^\W\d_]+)\s+{_VERB}\b"
    r"|\b(?:portanto|logo|assim(?:\s+sendo)?|por\s+isso|por\s+conseguinte|consequentemente|então|donde|daí|pelo\s+que"
    r"|concluo|conclui-se|conclusão|em\s+suma|em\s+resumo|afinal|resta(?:m|-nos)?|restando|sobra(?:m)?|sobrando|fica"
    r"|ficando|ou\s+seja|quer\s+dizer|aliás|ou\s+melhor|therefore|thus|hence|so)\b|\bnão,"
    r"|\b(?:escolh(?:o|i|eria|ia|emos)|opt(?:o|aria|ava|ei)|selecion(?:o|aria|ei)|prefiro|preferia|marc(?:o|aria|ava|ei)"
    r"|assinal(?:o|aria|ava|ei)|respond(?:o|eria|ia)|vot(?:o|aria|ava)|apost(?:o|aria|ava)|fic(?:o|aria|ava)(?:-me)?"
    r"|vou|iria|ponho|punha|poria|digo|diria|inclino-me|inclinava-me|choose|pick|select|go)\b"
    r"|\b(?:acho|penso|creio|julgo|suponho|acredito|presumo|suspeito|considero|parece(?:-me)?|tudo\s+(?:indica|aponta)"
    r"|tenho\s+(?:a\s+)?certeza(?:\s+de)?|não\s+(?:há|tenho|restam)\s+(?:quaisquer\s+)?dúvidas?(?:\s+de)?"
    r"|[^\W\d_]+mente|think|believe|guess|probably)\b"
    rf"|(?:^|[.;:!,\n]\s*|\b(?:mas|sim|e)\s+)(?:{_VERB}|trat\w+-se\s+d[ae]|it['’]s|it\s+is)\b"
)  # fmt: skip
_FILLER = (
    rf"(?:as?|o|à|ao|é|ser|será|seria|seja|sendo|que|só|pode|deve|deverá|tem|d[ae]|mesmo|sim|portanto|logo|assim|então|por"
    rf"|isso|pela|para|com|em|na|no|the|is|be|that|with|it['’]s|it|{NOUN}|{_RIGHT}|única|final|minha|número|n\.?º"
    r"|[^\W\d_]+mente|sem\s+dúvida|a\s+meu\s+ver|na\s+minha\s+opinião|opinião|mais|provável|melhor|seguinte|exclusão|eliminação|partes)"
)
_BEFORE = re.compile(
    rf"(?:{_CUE})(?:[\s,:=→(\"«“\[–—-]+{_FILLER}\b)*[\s,:=→(\"«“\[–—.-]*$", re.IGNORECASE
)
_AFTER = re.compile(
    rf"{_CLOSE}\s*(?:\([^()\n]{{1,40}}\)\s*)?,?\s*(?:(?:{_VERB}|é\s+que\s+(?:é|está))\s+"
    rf"(?:(?:mesmo|[^\W\d_]+mente|sem\s+dúvida|de\s+facto|a|as|the|única|mais|que|é|está)\s+)*"
    rf"(?:{NOUN}|{_RIGHT}|bem|melhor|answer)\b|está\s+(?:{_RIGHT}|bem)\b|bate\s+certo|faz\s+sentido)",
    re.IGNORECASE,
)
_MAX_BEFORE = 140
# More options joined to one that was stated; not a new sentence («B e a C fala de outra coisa»).
_JOINED = re.compile(
    rf"{_CLOSE}(?:\s*,\s*{_ITEM}){{0,9}}(?:{_AND}|\s*/\s*|\s+como\s+){_ITEM}\s*"
    r"(?=[.,;:!?\n)]|$|(?:também|são|estão|porque|pois|ambas)\b)",
    re.IGNORECASE,
)
_JOINED_BEFORE = re.compile(rf"{LABEL}{_CLOSE}{_AND}(?:as?\s+)?[(\"«]*$", re.IGNORECASE)
_SIGNS = "[^\\w\ue000-\ue0ff]*"
_ALONE = re.compile(rf"{_SIGNS}{LABEL}{_SIGNS}")
_OPENING = re.compile(
    rf"{_SIGNS}(?:a\s+)?(?:{NOUN}\s+)?[(\[«“\"]*(?P<label>{LABEL})(?:\)|{_CLOSE}\s*"
    rf"(?:[.;:!\n–—-]|,(?!\s*{_ITEM}\s*(?:[.,;:!?)]|$|(?:e|ou)\b))|(?:porque|pois|já\s+que|uma\s+vez\s+que|because)\b|$))",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    rf"\b{_ONE}\s*[-–—:]?\s*(?:número\s+|n\.?º\s*)?[\s(\[«“\"{{=]*(?P<label>{LABEL})", re.IGNORECASE
)
_MARKED = re.compile(
    rf"(?m)^[^\S\n]*[(\[•-]*\s?(?P<label>{LABEL})\s*(?:[).:\]]|[-–—]\s)|(?<=\s)(?P<inside>{LABEL})\)"
)
_LABELS = re.compile(LABEL)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{\s*((?:[^{}]|\{[^{}]*\})*)\}")


def letter(text: str, num_choices: int) -> str | None:
    """Read the option an answer picks.

    Tried in order, on what is neither denied nor asked: nothing but a letter; a stated result (``a resposta é B``,
    ``portanto, B``, ``marcaria a C``, a box; the last one wins); a letter that opens the answer or is all of a line; a
    labelled letter (``opção C``); a marked one (``B) Porto``), unless all options are listed; a capital that stands
    alone. ``A`` and ``E`` as the article and the conjunction are not letters. Two different letters at one level are no
    answer.

    Args:
        text: an answer in Portuguese or English.
        num_choices: how many options there are, 2 to 26; a letter beyond them is no answer.

    Returns:
        A capital letter, or None.
    """
    if not 2 <= num_choices <= 26:
        raise ValueError(f"num_choices is {num_choices}; expected 2 to 26")
    text = unicodedata.normalize("NFC", text)
    alone = re.fullmatch(r"[\s\W_]*([A-Za-z])(?![+#])[\s\W_]*", text)
    if alone:
        place: int | None = ord(alone[1].upper()) - ord("A")
    else:
        boxes = _BOX.sub(lambda match: _boxed(letter(match[1], num_choices)), text)
        place = _picked(with_letters(boxes), num_choices)
    return chr(ord("A") + place) if place is not None and place < num_choices else None


def option_number(text: str, num_choices: int) -> int | None:
    """Read the option an answer picks by its number, as ``letter`` does by letters.

    Args:
        text: an answer in Portuguese.
        num_choices: how many options there are, numbered from 1, 2 to 9.

    Returns:
        A number of 1 to ``num_choices``, or None.
    """
    if not 2 <= num_choices <= 9:
        raise ValueError(f"num_choices is {num_choices}; expected 2 to 9")
    boxes = _BOX.sub(lambda match: f"\nResposta: {match[1]}\n", text)
    place = _picked(with_numbers(boxes), num_choices)
    return place + 1 if place is not None and place < num_choices else None


def _boxed(found: str | None) -> str:
    return f"\nResposta: {found}\n" if found else " "


def _picked(text: str, num_choices: int) -> int | None:
    """Give the place of the option that a marked text picks."""
    if not _LABELS.search(text):
        return None
    text = _without_denied(text)
    places = [match.start() for match in _LABELS.finditer(text)]
    marked = [max(match.start("label"), match.start("inside")) for match in _MARKED.finditer(text)]
    everything = "".join(chr(FIRST + number) for number in range(num_choices))
    if "".join(text[place] for place in marked).startswith(everything):
        # All options are repeated: what comes behind them counts.
        listed = marked[num_choices - 1]
        marked, places = marked[num_choices:], [place for place in places if place > listed]
    stated = [place for place in places if _is_stated(text, place, num_choices)]
    if stated:
        return None if _is_joined(text, stated[-1]) else ord(text[stated[-1]]) - FIRST
    levels = (
        _apart(text, marked),
        [match.start("label") for match in _LABELLED.finditer(text)],
        marked,
        places,
    )
    countable = {place for place in places if ord(text[place]) - FIRST < num_choices}
    for level in levels:
        kept = [place for place in level if place in countable]
        if kept:
            is_one = len({text[place] for place in kept}) == 1 and not _is_joined(text, kept[0])
            return ord(text[kept[0]]) - FIRST if is_one else None
    return None


def _without_denied(text: str) -> str:
    text = _NONE_BUT.sub("é ", text)
    text = _ALL_WRONG_BUT.sub(r"é \g<item>", text)
    if _ALONE.fullmatch(text):
        return text
    for pattern in _DENIED:
        text = pattern.sub(_gone, text)
    # «A) Falsa. B) Verdadeira.» weighs the options, «A) inadequado» repeats the text of one.
    if len({match["label"] for match in _WITH_TEXT.finditer(text)}) > 1:
        weighed = _WEIGHED.sub(_gone, text)
        text = weighed if _LABELS.search(weighed) else text
    return text


def _gone(match: re.Match[str]) -> str:
    return _LABELS.sub(GONE, match.group())


def _is_stated(text: str, place: int, num_choices: int) -> bool:
    if _BEFORE.search(text, max(0, place - _MAX_BEFORE), place):
        return True
    # «I é verdadeira» is said of a statement where there is no such option.
    return ord(text[place]) - FIRST < num_choices and _AFTER.match(text, place + 1) is not None


def _is_joined(text: str, place: int) -> bool:
    """Tell whether another option stands beside a stated one: «A resposta é B ou C»."""
    return bool(
        _JOINED.match(text, place + 1) or _JOINED_BEFORE.search(text, max(0, place - 40), place)
    )


def _apart(text: str, marked: list[int]) -> list[int]:
    """Find the option that is all of the last line or of the first, or that opens the answer."""
    start = 0
    lines = list[tuple[int, str]]()
    for line in text.split("\n"):
        if line.strip():
            lines.append((start, line))
        start += len(line) + 1
    for start, line in [*lines[-1:], *lines[:1]]:
        if _ALONE.fullmatch(line):
            return [start + match.start() for match in _LABELS.finditer(line)]
    opening = _OPENING.match(text)
    if opening is None or {text[place] for place in marked} - {opening["label"]}:
        return []
    return [opening.start("label")]
