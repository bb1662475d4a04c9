"""Questions about text in photographs, each answered by ten people: TextVQA.

An answer is worth a third for each of nine people who said the same, at most one, averaged over which of the ten is
left out. Before answers are compared they lose what does not matter in Portuguese: capitals, punctuation, articles
before a word, the way a number is written; all ways to say that there is no answer are one.

The published program does this in English: «o carro» and «carro» differ, «três» and «3» too, «1,5» is «15», and its
prompt writes names in small letters.

Source: Singh et al. 2019, TextVQA (arXiv:1904.08920); Antol et al. 2015, VQA (arXiv:1505.00468) for the score.
"""

import re
from collections import Counter
from collections.abc import Iterator

from amalia.evaluate import answers, metrics
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import vqa_words
from amalia.evaluate.task import UNREADABLE, Data, Metric, Published, Score, Task
from amalia.records import Sample

LEAST_PEOPLE = 4
"""Three others have to agree with one for full credit."""
NO_ANSWER = "sem resposta"
_NO_ANSWERS = frozenset(
    f"{NO_ANSWER}|não há resposta|não tem resposta|não existe resposta|não se vê|não se lê|ilegível"
    "|impossível responder|unanswerable".split("|")
)
_NOT_READ = re.compile(r"não (?:é possível|consigo|se consegue|dá para|se pode) ler\b")
_ARTICLE = re.compile(r"(?<![\w'’-])(?:os|as|o|a|uns|umas|um|uma) (?=\S)")
_GROUPS = re.compile(r"(?<![\d.,])\d{1,3}(?:[.,]\d{3})+(?![\d.,])")
_FEW = {
    "zero": "0", "nenhum": "0", "nenhuma": "0", "um": "1", "uma": "1", "dois": "2", "duas": "2",
    "três": "3", "quatro": "4", "cinco": "5", "seis": "6", "sete": "7", "oito": "8", "nove": "9",
    "dez": "10",
}  # fmt: skip


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row; the most frequent answer stands first, then those of the others."""
    people = list(fields.texts("answers"))
    if len(people) < LEAST_PEOPLE:
        raise fields.refuse(
            f"has the answers of {len(people)} people in 'answers'; expected those of ten,"
            f" at least {LEAST_PEOPLE}",
            "malformed_field",
        )
    target = Counter(people).most_common(1)[0][0]
    people.remove(target)
    yield Draft(
        fields.text("question"),
        target,
        tuple(people),
        pictures=(fields.picture("image"),),
        id=fields.text("question_id") if fields.has("question_id") else "",
    )


def score(text: str, sample: Sample) -> Score:
    """Score by how many people said the same."""
    people = [comparable(target) for target in sample.targets]
    whole = comparable(text)
    said = whole if whole in people else comparable(answers.stated(text))
    if said not in people and {"sim", "não"}.issuperset(people):
        # Everybody says yes or no: «É verdade.» is «sim».
        said = answers.yes_no(text) or said
    if not said:
        return UNREADABLE
    return Score(metrics.vqa_accuracy(said, people), said, readable=True)


def comparable(text: str) -> str:
    """Write an answer without what does not matter."""
    plain = answers.normalize(text)
    if plain in _NO_ANSWERS or _NOT_READ.match(plain) or answers.yes_no(plain) == "não sei":
        return NO_ANSWER
    plain = _GROUPS.sub(lambda match: re.sub("[.,]", "", match.group()), plain)
    plain = re.sub(r"(?<=\d),(?=\d)", ".", _ARTICLE.sub("", plain))
    return " ".join(_FEW.get(word, word) for word in plain.split())


TASK = Task(
    "textvqa",
    "Questions about text in photographs, answered by ten people.",
    score,
    (Metric("vqa_accuracy"),),
    max_new_tokens=64,
    read=read,
    columns=("question", "answers", "image"),
    instruction="Responde só com a palavra ou expressão pedida. Se a imagem não chegar, diz «Sem resposta».",
    data=Data("amalia-llm/TextVQA-PT", "validation", license="unknown"),
    published=Published(
        vqa_words.score,
        (Metric("exact_match"),),
        "Answers are cleaned up by English rules: English articles, numbers and contractions.",
    ),
    stop=("ASSISTANT:",),
)
