"""Where an answer names options by letter or number, and where a letter is only a letter.

Every place where an option is named is marked by one character of a private range, so that what is said of options can
be read without minding how they are written: «(B)», «**b)**», «opção b» and «a segunda opção» are one thing. A capital
counts where it is set off or stands behind a word that points («é», «a», «pela», «portanto»); behind any other it is
part of a name: «vitamina C», «ponto A», «plano B».

Not covered: what names an option without saying it («a última», the text of an option), figures and points that are
called by letters («a figura B»), because the question may call them so too, and «D. João» as the text of option D.
"""

import re
import unicodedata
from collections.abc import Callable

FIRST = 0xE000
LABEL = "[\ue000-\ue019]"
GONE = "\ue0ff"
"""Stands where an option was named that does not count."""
NOUN = (
    r"(?:opç(?:ão|ões)|opcao|alternativas?|al[ií]neas?|letras?|hipóteses?|respostas?|escolhas?|afirmaç(?:ão|ões)"
    r"|proposiç(?:ão|ões)|frases?|it(?:em|ens)|gabarito|options?|answers?|choices?)"
)
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_FONT = re.compile(r"\\(?:text|math)[a-z]*\s*\{([^{}]*)\}")
# Letters in formulas are variables, but for one that is all of it.
_FORMULA = re.compile(r"\$([^$\n]*)\$|\\\((.*?)\\\)|\\\[(.*?)\\\]")
_ONE_LETTER = re.compile(r"\W*[A-Za-z]\W*")
_LOOKS = re.compile(r"[*`$]+|(?<!\w)_+|_+(?!\w)|</?[a-z]\w*>|\\[()\[\],;! ]")
# Kings, queens and other names: «D. João II», «J. K. Rowling», «a.C.», «E. coli».
_TITLE = re.compile(
    r"\bD\.\s+(?=(?:Afonso|Amélia|António|Augusto|Beatriz|Brites|Carlos|Catarina|Constança|Dinis|Duarte|Dulce|Estefânia"
    r"|Fernando|Filip[ae]|Francisc[ao]|Fuas|Henrique|Inês|Isabel|João|José|Juan|Leonor|Luísa?|Mafalda|Manuel|Mariana"
    r"|Maria|Miguel|Nuno|Pedro|Quixote|Sancho|Sebastião|Teresa|Teodósio|Urraca|Vasco)\b)"
)
_ABBREVIATION = re.compile(
    r"(?<!\w)(?:[A-Z]\.\s?){2,}(?=\s*[A-Z]\w)|\b[ad]\.\s?C\.?(?!\w)|\b[A-Z]\.\s(?:coli|elegans|sapiens|rex|aureus)\b"
)
_SHORT = re.compile(r"(?m)^[^\S\n]*R(?:esp)?[^\S\n]*[.:]+\s*(?=\S)")
_APOSTROPHES = re.compile(r"(?<!\w)['‘](\w)['’](?!\w)")
# Typed without accents: «a resposta e b».
_IS = re.compile(r"\b(resposta(?:\s+(?:certa|correta|final))?)\s+e\s+(?=(?:a\s+)?[A-Za-z](?!\w))")
_DASHED = re.compile(r"(?m)^([^\S\n]*\w)-\s")
_ORDINALS = ("primeira", "segunda", "terceira", "quarta", "quinta", "sexta")
_ORDINAL = rf"(?<!\w)(?:(?P<word>{'|'.join(_ORDINALS)})|(?P<figure>[1-6])\.?ª)"
_NTH_OPTION = re.compile(rf"{_ORDINAL}\s+(?P<noun>opção|alternativa|alínea)\b", re.IGNORECASE)
_NTH = re.compile(rf"(?<=\ba\s){_ORDINAL}(?!\w|\s+\w)", re.IGNORECASE)

# --- letters --------------------------------------------------------------------------------------

_APART = r"(?<![\w'’°ºª&/+#-])(?<!\w\.)"
_ENDS = r"(?![\w'’&+#/°-])(?!\.\w)(?!\s*[=<>≈×^∈]|\s\+\s)"
_CAPITAL = re.compile(rf"{_APART}[A-Z]{_ENDS}")
# Small letters that can be nothing else.
_POINTS_TO_SMALL = (
    r"(?:é|será|seria|fica|resta|sobra|escolho|escolheria|diria|marco|marcaria|assinalo|pela|na|que|nem|não|portanto|logo"
    r"|então|[^\W\d_]+mente)"
)
_SMALL = re.compile(
    r"(?<!\w)(?P<open>[(\[«“\"'])(?P<a>[a-z])(?=[)\]»”\"'](?!\w))"
    r"|(?<![\w(])(?P<b>[a-z])(?=\)(?:\W|$))"
    rf"|\b{NOUN}\s*[:.–-]?\s*[(\"«]*(?P<c>[b-df-np-z]|[aeo](?=\s*(?:[).,;!»\"\n]|$|(?:é|está)\b)))(?![\w'’-])"
    rf"|\b{_POINTS_TO_SMALL}\s*,?\s*(?:a\s+)?(?P<d>[b-df-np-z])(?![\w'’-])(?!\s*[=<>+^*/])"
    r"|(?m:^)[^\S\n]*(?P<e>[a-z])(?=\s*(?:[).:\]]|[-–—]\s|(?m:$)))",
    re.IGNORECASE,
)
# What a letter that is an option may follow.
_BEFORE = re.compile(
    r"(?:^|\n|[^\w\s«“\"'‘\[{]|\b(?:as?|às?|os?|é|és|era|será|seria|ser|são|fica|ficam|resta|restam|sobra|sobram|diria"
    r"|digo|dizia|acho|penso|creio|escolh\w+|selecion\w+|prefir\w+|prefer\w+|marc(?:o|aria|ava|ei|amos)|assinal\w+"
    r"|respond\w+|indicam?|pela|talvez|[^\W\d_]+mente|só|apenas|tanto|nem|ou|e|entre|que|não|mas|sim"
    r"|portanto|logo|assim|então|afinal|isso|donde|conseguinte|elimin(?!aç)\w+|exclu(?!s)\w+"
    r"|descart\w+|rejeit\w+|exceto|menos|aliás|melhor|[^\W\d_]+\s+seja|conclusão|concluo|corresponde"
    r"|(?:opto|optaria|optei|vou|ia|iria)\s+(?:por|com|de)|(?:fico|ficaria|ficava)\s+com"
    r"|(?:voto|votaria|votava|aposto|apostaria)\s+(?:em|na)"
    r"|(?:inclino-me|aponta|apontam)\s+para|trat\w+-se\s+d[ea]|(?:exceção|vez|contrário|lugar)\s+d[ae]|número|n\.?º"
    rf"|{NOUN}|is|it['’]s|be|or|and|either|choose|pick|select|with|therefore|thus|so|hence|say|think|not)\s)"
    r"[\s(\[«“\"'{]*$",
    re.IGNORECASE,
)
# «P(A)», «A + C».
_OPERAND = re.compile(r"(?:\w\(|[+×*/^<>≈])\s*$")
_ROMAN = re.compile(r"\b(?:II|III|IV)\b")
_SENTENCE_START = re.compile(r"(?:^|[.,;?!:\n(«“\"‘\[]|[-•–—]\s)[\s\"«“»”)\]]*$")
# A verb or a reason behind «A» shows that it is no article.
_FOLLOWS = (
    r"(?:é|está|são|estão|será|seria|parece|porque|pois|já que|uma vez que|mas|não\s+(?:é|está|pode|faz|serve)|is"
    r"|because)\b"
)
_JOINED_LETTER = r"(?:e|ou|nem|or|and)\s+(?:as?\s+)?[A-Z]\b"
_LETTER_FOLLOWS = re.compile(rf"\s+(?:{_FOLLOWS}|{_JOINED_LETTER})")
_BECAUSE = re.compile(r"\s+(?:porque|pois|mas)\b")
_REASON = re.compile(
    r",\s+(?:porque|pois|já que|uma vez que|visto|como|sem dúvida|com (?:toda a )?certeza|claro|creio|acho|penso|e não"
    r"|não|\w+mente)\b"
)
# «A E está certa», «opção I», but neither «E é por isso» nor «I think».
_POINTED_AT = re.compile(rf"\b(?:as?|à|é|será|seria|pela|{NOUN})\s+[(\"«]*$", re.IGNORECASE)
_WORD_FOLLOWS = re.compile(r"[^\S\n]+[«“\"‘\[]?\w")
# «A Brasileira», and «É A B» in capitals.
_NAME_FOLLOWS = re.compile(r"[^\S\n]+[A-ZÀ-Þ](?:\w|(?!\w))")
# «O grupo sanguíneo é A»: the letter is a name, whatever its option.
_NAMED = re.compile(
    r"\b(?:grupo|tipo|vitamina|nota|classe|hepatite)(?:\s+(?!cert|corret)[^\W\d_]{2,}){0,2}\s+(?:é|era|foi|será)"
    r"\s+(?:(?:o|a|um|uma|de)\s+)?[«\"]*$",
    re.IGNORECASE,
)
_JOIN = re.compile(
    r"[)\]\"»”]?(?:\s*[,;]\s*(?:(?:e|ou|nem|and|or)\s+)?|\s+(?:e|ou|nem|and|or|a|até|como)\s+)"
    rf"(?:(?:as?|os?)\s+)?(?:{NOUN}\s+)?[(\"«]*",
    re.IGNORECASE,
)
_MARK = re.compile(r"[).:](?=\s)")
_MAX_BEFORE = 60


def with_letters(text: str) -> str:
    """Mark the options that an answer names by capitals or small letters.

    Returns:
        The text without fonts and emphasis, each option as the character ``FIRST`` and its place from 0.
    """
    plain = _NTH_OPTION.sub(
        lambda match: f"{match['noun']} {chr(ord('A') + _place(match))}", _plain(text)
    )
    plain = _SMALL.sub(_raised, plain)
    return _marked(plain, _CAPITAL, lambda found: ord(found) - ord("A"), _is_letter)


def _plain(text: str) -> str:
    text = _PRIVATE.sub(" ", unicodedata.normalize("NFC", text))
    text = _FORMULA.sub(_without_variables, _FONT.sub(r"\1", text))
    text = _LOOKS.sub("", text)
    text = _IS.sub(r"\1 é ", _APOSTROPHES.sub(r'"\1"', text))
    text = _ABBREVIATION.sub(_blank, _TITLE.sub("Dom ", text))
    return _DASHED.sub(r"\1 - ", _SHORT.sub("Resposta: ", text))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _without_variables(match: re.Match[str]) -> str:
    inside = next(group for group in match.groups() if group is not None)
    return inside if _ONE_LETTER.fullmatch(inside) else " "


def _place(match: re.Match[str]) -> int:
    if match["figure"]:
        return int(match["figure"]) - 1
    return _ORDINALS.index(match["word"].casefold())


def _raised(match: re.Match[str]) -> str:
    """Write a small letter that is an option as a capital."""
    group = next(name for name in "abcde" if match[name])
    if group == "b" and _is_inside_brackets(match.string, match.start()):
        return match.group()
    start, end = (place - match.start() for place in match.span(group))
    whole = match.group()
    return whole[:start] + whole[start:end].upper() + whole[end:]


def _is_inside_brackets(text: str, place: int) -> bool:
    before = text[max(0, place - _MAX_BEFORE) : place].rpartition("\n")[2]
    return before.count("(") > before.count(")")


def _marked(
    text: str,
    pattern: re.Pattern[str],
    place_of: Callable[[str], int],
    counts: Callable[[str, re.Match[str]], bool],
) -> str:
    """Put private characters where options are named; what is joined to one that is not counts no more than it."""
    pieces, end, is_counted, listed = list[str](), 0, False, 0
    for match in pattern.finditer(text):
        place, gap = place_of(match.group()), text[end : match.start()]
        if not (end and _JOIN.fullmatch(gap)):
            is_counted = counts(text, match)
        mark = _MARK.match(text, match.end())
        # «A. Lisboa B. Porto»: behind a first label the next ones count wherever they stand.
        is_next = mark is not None and place == listed and (place > 0 or is_counted)
        is_counted = is_counted or is_next
        listed = place + 1 if is_next else listed
        # A label that goes on with a list stands on a line of its own.
        pieces += [gap, "\n" * (is_next and place > 0)]
        pieces.append(chr(FIRST + place) if is_counted else match.group())
        end = match.end()
    return "".join([*pieces, text[end:]])


def _is_letter(text: str, match: re.Match[str]) -> bool:
    start, end = match.span()
    if text[end : end + 1] == ")" and not _is_inside_brackets(text, start):
        return True
    first = max(0, start - _MAX_BEFORE)
    if _OPERAND.search(text, first, start) or _NAMED.search(text, first, start):
        return False
    if not _BEFORE.search(text, first, start):
        return False
    return match.group() not in "AEIO" or not _is_word(text, match)


def _is_word(text: str, match: re.Match[str]) -> bool:
    """Tell the articles «A» and «O», the conjunction «E», the pronoun and the numeral «I» from options."""
    letter, (start, end) = match.group(), match.span()
    first = max(0, start - _MAX_BEFORE)
    opens, is_pointed_at = (
        pattern.search(text, first, start) is not None for pattern in (_SENTENCE_START, _POINTED_AT)
    )
    is_first = not text[:start].strip(' "«“(')
    if letter == "E" and text[end : end + 1] == ",":
        # «E, por isso, …» goes on with what was said; «E, porque …» may open an answer.
        return opens and not (is_first and _REASON.match(text, end))
    if letter == "I" and _ROMAN.search(text):
        return True
    if not _WORD_FOLLOWS.match(text, end):
        return False
    if _NAME_FOLLOWS.match(text, end):
        return True
    if _LETTER_FOLLOWS.match(text, end):
        # «E é por isso» is a conjunction, unless it opens the answer or is pointed at.
        is_option = is_pointed_at or (is_first and not _BECAUSE.match(text, end))
        return letter == "E" and not is_option
    return opens if letter != "I" else not is_pointed_at


# --- numbers --------------------------------------------------------------------------------------

_DIGIT = re.compile(
    r"(?<![\w.,°º&/+#€$-])(?<!\d\s)(?<!\b[vpl]\.\s)[1-9](?![\wº°ª%€/]|[.,]\d|\s?[%€°]|[^\S\n]+\d)(?!\s*[=<>≈×^+*])"
)
_UNITS = ("dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove")
_IN_WORDS = re.compile(rf"\b(?:{'|'.join(_UNITS)})\b", re.IGNORECASE)
_ONE = re.compile(
    rf"(?P<before>\b{NOUN}\s+(?:número\s+)?|^\W*)um\b(?=\W*$|\s+(?:é|está)\b)", re.IGNORECASE
)
_NUMBER_FOLLOWS = re.compile(rf"\s+(?:{_FOLLOWS}|(?:e|ou|nem)\b)|\s*[^\w\s]|\s*$")


def with_numbers(text: str) -> str:
    """Mark the options that an answer names by numbers of one digit, in figures or words, or as «a terceira»."""
    plain = _NTH_OPTION.sub(lambda match: f"{match['noun']} {_place(match) + 1}", _plain(text))
    plain = _NTH.sub(lambda match: str(_place(match) + 1), plain)
    plain = _IN_WORDS.sub(lambda match: str(_UNITS.index(match.group().casefold()) + 2), plain)
    plain = _ONE.sub(r"\g<before>1", plain)
    return _marked(plain, _DIGIT, lambda found: int(found) - 1, _is_number)


def _is_number(text: str, match: re.Match[str]) -> bool:
    start, end = match.span()
    if not _BEFORE.search(text, max(0, start - _MAX_BEFORE), start):
        return False
    return _NUMBER_FOLLOWS.match(text, end) is not None or "\n" in text[end : end + 1]
