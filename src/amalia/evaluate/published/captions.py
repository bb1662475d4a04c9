"""How amalia-vl-eval scores captions, but for METEOR: all that was said, in words of the English tokenizer.

Published is only the score of all captions together; one alone is worth its ROUGE-L here, as with our own scoring.
"""

from amalia.evaluate.captions import rouge_l
from amalia.evaluate.task import Score
from amalia.evaluate.words import ptb_words
from amalia.records import Sample

DIFFERS = (
    "Captions are split by the tokenizer of English, which makes «mar.» and «3.º» other words;"
    " METEOR, whose words and weights are English, is left out here."
)


def score(text: str, sample: Sample) -> Score:
    """Score a caption by ROUGE-L."""
    said = text.strip()
    value = rouge_l(said, sample.targets, ptb_words)
    return Score(value, said, readable=True, note="words are those of the English tokenizer")
