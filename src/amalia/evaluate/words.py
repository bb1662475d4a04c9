"""Words of a text, for metrics that count them: one tokenizer for Portuguese, one for comparison.

``portuguese_words`` is the one to use. ``ptb_words`` gives what published caption scores were
computed on, the English tokenizer of the COCO caption evaluation, with what it does to Portuguese:
«vista para o mar.» holds no «mar» but «mar.», the month of March; «3.º» falls apart; «gatos/cães»
is «gatos/c» and «ães»; brackets and «!!!» count as words.
"""

import re
import unicodedata

# --- Portuguese -----------------------------------------------------------------------------------

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_GROUPED = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_SAME_SIGN = str.maketrans({"’": "'", "ʼ": "'", "‐": "-", "‑": "-"})
_PORTUGUESE = re.compile(
    r"""
    (?<=[\d\s])(?P<degree>[°º]\s?[cf](?!\w))
    | (?P<ordinal>(?P<stem>\d+|[^\W\d_ºª]+)\.?(?P<mark>[ºª]s?)(?![^\W\d_]))
    | (?P<initials>(?<![\w'-])[^\W\d_ºª](?:\.[^\W\d_ºª])+\.?(?!\.?[\w-]))
    | (?P<word>
        (?:(?<![\w)])[-−](?=\d))?
        (?:\d+(?:[.,:/]\d+)+[^\W_ºª]*|[^\W_ºª][^\W_ºª\u0300-\u036f]*)
        (?:(?:['&]|(?<!\d)-|-(?!\d))[^\W_ºª][^\W_ºª\u0300-\u036f]*)*
      )
    | (?P<symbol>[%‰€$£§°])
    """,
    re.VERBOSE,
)


def portuguese_words(text: str) -> list[str]:
    """Split a Portuguese text into words, in NFC and small letters, without punctuation.

    - Hyphens and apostrophes inside a word belong to it: «vê-se», «guarda-chuva», «copo-d'água».
      The typographic forms of both are the plain ones.
    - Contractions stay as they are written: «do», «pelo», «dum».
    - A figure keeps its separators and what is written together with it: «1,5», «1.234», «10:30»,
      «24/07/2026», «10h30», «4x4», «-5». Between two figures a hyphen separates, as a dash does.
      Groups of three digits behind a no-break blank belong to the figure, without the blank.
    - Ordinals and their like are one word, with a full stop: «3.º» and «3º», «n.º» and «nº»,
      «Sr.ª». Degrees are «°c» whichever way they are written.
    - An abbreviation is its letters without the full stop: «dr», «av», «etc»; initials are joined,
      so that «E.U.A.» is «eua» and «a.C.» is «ac».
    - Words are «%», «‰», «§», «°» and signs of money; an ampersand without blanks joins («r&b»).
    - Anything else separates and is dropped: guillemets and other quotation marks, brackets,
      slashes between letters, underscores, dashes, ellipses, other symbols, emoji.

    Not covered: web and mail addresses (split at their signs), forms in brackets («amigo(s)» is two
    words), and a figure apart from its unit («10 km» is two words, «10km» is one).
    """
    plain = unicodedata.normalize("NFC", text).casefold().translate(_SAME_SIGN)
    plain = _GROUPED.sub("", _INVISIBLE.sub("", unicodedata.normalize("NFC", plain)))
    return [_portuguese_word(match) for match in _PORTUGUESE.finditer(plain)]


def _portuguese_word(match: re.Match[str]) -> str:
    found = match.group()
    if match["degree"]:
        return "°" + found[-1]
    if match["ordinal"]:
        return f"{match['stem']}.{match['mark']}"
    if match["initials"]:
        return found.replace(".", "")
    return found.replace("−", "-")


# --- Penn Treebank --------------------------------------------------------------------------------

# Letters and figures; superscripts and fractions such as ² and ½ are neither.
_APART = "¹²³¼-¾⁰-₟⅐-↋①-⓿"
_SIGN = rf"(?:[^\W_{_APART}]|[\u0300-\u036f])"
_LETTER = rf"(?:[^\W\d_{_APART}]|[\u0300-\u036f])"
_ASCII = r"[A-Za-z0-9]+(?:-[A-Za-z]+)*"
# "d'água", "O'Neill" and "pro'ano" are one word; "p'ra" and "Sant'Ana" are two.
_ELIDED = (
    rf"(?:[A-HJ-XZdlno]['’]{_SIGN}{{2,}}"
    rf"|{_LETTER}+[aeiouyAEIOUY]['’][aeiouAEIOU]{_LETTER}*)"
)
_ENGLISH_CLITIC = r"['’](?:[sdmSDM]|ll|re|ve|LL|RE|VE)(?![A-Za-z])"
_PLAIN_WORD = rf"(?!{_SIGN}{_ENGLISH_CLITIC})(?:{_ELIDED}|{_SIGN}+)"
# Found by trying every word of up to four letters, and a list of longer ones, before a full stop.
_TITLES = frozenset(
    "cf dr ft lt mr ms mt ph st vs wm adj adm adv ave cie col cpl det drs ens gen gov hon jos maj"
    " mfg mme mrs mtg pfc pvt rep rev sen sfc sgt spc ste alex asst atty brig capt cmdr dept elec"
    " govs insp invt mlle msgr natl pres prof reps sens supt assoc attys comdr lieut messrs profs"
    " supts treas".split()
)
# These end a sentence too, and do not join the letter behind their full stop.
_ENDINGS = frozenset(
    "al co ct ga jr ky md mo rd rt sq sr va vt ala apr aug bhd cos dak dec esq est etc ext feb fla"
    " fri inc ind jan jul jun kan ltd mar mon neb nev nov oct plc pte pty sep seq sys tel thu tue"
    " wed wis wyo ariz assn bldg blvd bros colo conn corp intl kans mich minn mont okla penn ppte"
    " ppty ptes ptys sept tenn tues univ wisc calif thurs".split()
)
_CAPITAL_ENDINGS = frozenset("az la pa ark del ill ore tex mass miss wash".split())
_BEFORE_FIGURE = frozenset("ca no op pp art fig nos figs prop".split())
_SMILEY = r"[:;=][-o']?[dpDOP()@\[\]{|\\]"
_ENGLISH_START = "As?|But|He|In|It|More|She|Some|The|They|This|We|When|While"
# The longest of these that matches is the next token.
_TOKENS = tuple(
    re.compile(rule)
    for rule in (
        rf"{_PLAIN_WORD}(?:[-‐‑]{_PLAIN_WORD})*",  # vê-se
        rf"{_SIGN}+(?:_{_SIGN}+)+",  # foto_3
        r"[A-Za-z0-9][A-Za-z0-9.,]*(?:[-‐‑][A-Za-z0-9]+)+",  # 1,5-2
        rf"{_LETTER}{_SIGN}*(?:\.{_LETTER}{_SIGN}*)+",  # p.ex, n.º, sapo.pt
        rf"{_LETTER}{_SIGN}*(?:[!?]{_LETTER}{_SIGN}*)+",  # fim!Um
        r"(?:[A-Za-z]\.){2,}",  # E.U.A.
        rf"[A-Za-z]\.(?!\s+(?:{_ENGLISH_START})(?:\s|$))",  # D.
        rf"{_SIGN}+(?:-{_SIGN}+)*\.(?=,)",  # Av.,
        rf"{_ASCII}(?:/{_ASCII}){{1,2}}",  # e/ou, 24/07/2026
        r"[A-Z]+(?:&[A-Z]+)+",  # H&M
        r"[+-]?[.,:]?\d+(?:[.,:]\d+)*",  # 1.500,00
        r"(?:US|A|C|R)\$",
        rf"{_ENGLISH_CLITIC}|[A-Za-z]*[nN]['’][tT](?!{_SIGN})",
        r"[dlDL]['’](?![dmsDMS](?![A-Za-z]))",  # d'
        r"'\d\d(?!\S)|'\d0s(?!\w)",  # '74
        rf"{_SMILEY}(?!{_SIGN})",
        r"(?i:https?://|www\.)[^\s\"<>()«»“”]+[^\s\"<>()«»“”.,;:!?]",
        r"[A-Za-z0-9._-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*",
        rf"#{_LETTER}+|@[A-Za-z_][A-Za-z0-9_]*|</?[A-Za-z][^<>\s]*>",  # #praia, <br>
        r"\.{3,}|[!?]+|-+|_+|#+|@+|\*+|<<|>>|''|``|.",
    )
)
_STOPPED = re.compile(r"([A-Za-z]+)\.(?P<figure>(?=\s?\d))?")
_ENGLISH_PAIR = re.compile(
    r"(.*)(n't)|(can)(not)|(gon|wan)(na)|(got)(ta)|(gim|lem)(me)", re.IGNORECASE
)
# Signs the published program does not know are left out, as blanks would be.
_UNKNOWN = re.compile(
    "[\u007f-\u009f\u200b-\u200f\u2012\u2024\u2025\u2027-\u202f\u203c\u203d\u2043\u2045-\u206f\u20a1-\u20a3"
    "\u20a5-\u20ab\u20ad-\u20ff\u2150-\u2152\u215f-\u218f\u2e00-\u2fff\ufe00-\ufe0f\ufeff"
    "\U00010000-\U0010ffff]"
)
_ENTITIES = {"&amp;": "&", "&quot;": '"', "&lt;": "<", "&gt;": ">"}
_WRITTEN = {
    "(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-",
    "€": "$", "¤": "$", "£": "#", "¢": "cents", "½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3",
}  # fmt: skip
_DROPPED = frozenset(". ? ! , : ; - -- --- ---- … – — ― ' '' ` `` \" ‘ ’ ‛ “ ” « » ‹ › ‐ ‑".split())


def ptb_words(text: str) -> list[str]:
    """Split a text as the COCO caption evaluation does, for numbers that compare with published ones.

    That is Stanford's Penn Treebank tokenizer with lower-casing, less the marks it drops afterwards
    (``'' ' `` ` . ? ! , : - -- ... ;``). The rules here describe
    what the program was seen to give; none of it is taken from its source.

    Covered: words with hyphens, apostrophes, slashes and full stops inside; figures and units;
    English abbreviations and clitics (``'s``, ``n't``); ordinals; quotation marks; brackets
    (``-lrb-``); marks that repeat (``!!!``); signs of money; tags, simple addresses and smileys.

    Not covered: telephone numbers, which the program keeps as one word with no-break blanks inside;
    markup with attributes; rarer smileys; scripts other than Latin; and that the program looks at
    the caption behind in its file, which decides about «no.», «fig.» or a letter at the very end.
    """
    for written, sign in _ENTITIES.items():
        text = text.replace(written, sign)
    text = _UNKNOWN.sub(" ", text.replace("\u00ad", ""))
    found: list[str] = []
    start = 0
    while start < len(text):
        if text[start].isspace():
            start += 1
            continue
        end = _token_end(text, start)
        found += _pieces(text[start:end])
        start = end
    return found


def _token_end(text: str, start: int) -> int:
    matches = (rule.match(text, start) for rule in _TOKENS)
    end = max(match.end() for match in matches if match)
    stopped = _STOPPED.match(text, start)
    if stopped is None:
        return end
    word = stopped[1].lower()
    is_ending = word in _ENDINGS or (word in _CAPITAL_ENDINGS and stopped[1][0].isupper())
    if is_ending and end <= stopped.end() + 1:
        return stopped.end()
    if word in _TITLES or (word in _BEFORE_FIGURE and stopped["figure"] is not None):
        return max(end, stopped.end())
    return end


def _pieces(token: str) -> list[str]:
    if token in _DROPPED or re.fullmatch(r"\.{3,}", token):
        return []
    if re.fullmatch(_SMILEY, token):
        return ["".join(_WRITTEN.get(sign, sign) for sign in token).lower()]
    if re.fullmatch(rf"{_ENGLISH_CLITIC}|.*n['’]t", token, re.IGNORECASE):
        token = token.replace("’", "'")
    pair = _ENGLISH_PAIR.fullmatch(token)
    parts = [part for part in pair.groups() if part] if pair else [_WRITTEN.get(token, token)]
    return [part.lower() for part in parts]
