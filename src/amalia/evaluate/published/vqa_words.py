"""VQA accuracy as amalia-vl-eval computes it for TextVQA, on answers cleaned up by the English rules of EvalAI.

Articles, numbers and contractions are those of English: «a casa» loses its article because «a» is one there,
«o carro» keeps it, «três» is not 3. «1,5» becomes «15». Of more than 32 full stops in an answer the rest stay.

Source: Singh et al. 2019, TextVQA (arXiv:1904.08920); the rules are those of the VQA challenge's server.
"""

import re
import statistics

from amalia.evaluate.task import Score
from amalia.records import Sample

_FEW = "zero one two three four five six seven eight nine ten".split()
_NUMBERS = {"none": "0"} | {word: str(value) for value, word in enumerate(_FEW)}
_ARTICLES = ("a", "an", "the")
_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_FULL_STOP = re.compile(r"\.(?!\d)")
# The program takes a flag for a count here.
_MOST_STOPS = int(re.UNICODE)
_CONTRACTIONS = (
    "ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd"
    " he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've"
    " needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've"
    " somebody'll somebody's someone'd someone'd've someone'll someone's something'd something'd've something'll"
    " that's there'd there'd've there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've"
    " we've weren't what'll what're what's what've when's where'd where's where've who'd who'd've who'll who's"
    " who've why'll why're why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've"
    " you'll you're you've"
)
# What is written without one of its apostrophes gets it back; one word was entered the wrong way round.
_MENDED = {
    word[:place] + word[place + 1 :]: word
    for word in _CONTRACTIONS.split()
    for place, sign in enumerate(word)
    if sign == "'"
} | {"somebody'd": "somebodyd"}


def score(text: str, sample: Sample) -> Score:
    """Score against each nine of the ten people's answers: a third for each that said the same, at most one."""
    said = cleaned(text)
    people = [cleaned(target) for target in sample.targets]
    credits = []
    for place in range(len(people)):
        others = people[:place] + people[place + 1 :]
        credits.append(min(1, others.count(said) / 3))
    value = float(statistics.mean(credits))
    return Score(value, said, readable=True, note=f"{people.count(said)} people said {said!r}")


def cleaned(text: str) -> str:
    """Clean up an answer as the server does."""
    plain = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    plain = plain.replace("\n", " ").replace("\t", " ").strip()
    kept = plain
    for mark in _MARKS:
        touches_blank = f"{mark} " in plain or f" {mark}" in plain
        kept = kept.replace(mark, "" if touches_blank else " ")
    kept = _FULL_STOP.sub("", kept, count=_MOST_STOPS)
    words = [_NUMBERS.get(word, word) for word in kept.lower().split()]
    return " ".join(_MENDED.get(word, word) for word in words if word not in _ARTICLES)
