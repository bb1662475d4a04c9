"""Whether an answer says yes, no, or that it cannot tell.

The first «sim», «não» or «não sei» decides. Portuguese says yes and no in other ways too, by the verb of the question
(«Está.»), by an adverb («Claro.», «Nem pensar.») or by a verdict on what was said («É verdade.»); those count only
where they open the answer, because elsewhere the same words tell something else («Há um gato.»).

Not covered: hedges without a yes or no («Talvez.», «Depende.», «Provavelmente.», «Pode ser.»); «Absolutamente.», «Em
absoluto.», «De todo.» and «Pois.», which mean either; a thing told without a verdict («Está um gato.», «Há gatos.»).
"""

import re
import unicodedata
from typing import Literal

YesNo = Literal["sim", "não", "não sei"]

_SEE = (
    r"(?:dizer|saber|responder|determinar|ver|distinguir|identificar|perceber|confirmar|afirmar|garantir|avaliar"
    r"|concluir|verificar|ter\s+(?:a\s+)?certeza)"
)
_UNSURE = (
    r"não\s+(?:o\s+)?sei|(?:não|nem)\s+(?:faço|tenho)\s+(?:a\s+(?:menor|mínima)\s+)?ideia|não\s+se\s+sabe|sei\s+lá"
    r"|não\s+(?:tenho|há)\s+(?:a\s+)?certezas?|não\s+est(?:ou|á)\s+(?:certo|certa|seguro|segura|claro)|não\s+é\s+claro"
    r"|não\s+tenho\s+como\s+saber|não\s+(?:há|tenho)\s+(?:informação|informações|dados)\s+(?:suficientes?|que\s+cheguem?)"
    rf"|não\s+(?:me\s+)?(?:(?:consigo|posso|se\s+consegue|se\s+pode|é\s+possível|dá\s+para)|permite)\s+{_SEE}"
    rf"|(?:é\s+)?(?:impossível|difícil)\s+(?:de\s+)?{_SEE}"
    r"|não\s+se\s+(?:vê|percebe|distingue)\s+(?:lá\s+)?(?:muito\s+)?bem|não\s+se\s+percebe"
    r"|i\s+do\s*n['’]?o?t\s+know|not\s+sure|cannot\s+(?:tell|say)|can['’]t\s+(?:tell|say)"
)
# «Não consigo ver nenhum gato» says that there is none.
_NOTHING = r"\s+(?:\w+\s+)?(?:nenhum|nenhuma|qualquer|algum|alguma)\b"
# Sure of something, and not a no.
_SURE = re.compile(
    r"\b(?:não|nao)\s+(?:tenho|há|existem?|restam?)\s+(?:quaisquer\s+|qualquer\s+|a\s+(?:menor|mínima)\s+|nenhumas?\s+)?"
    r"dúvidas?(?:\s+nenhumas?)?\b"
)
# Neither an answer nor half of one.
_NEITHER = re.compile(
    r"\b(?:se\s+)?sim\s+(?:ou|e)\s+não\b|\bsim\s*/\s*não\b|\bou\s+não\b|\bnem\s+sim,?\s+nem\s+não\b|\byes\s+(?:and|or)\s+no\b"
    r"|\btalvez\s+sim\b[\s,;]*(?:e\s+|ou\s+)?talvez\s+não\b|\btanto\s+sim\s+como\s+não\b|\bnão\s+(?:só|apenas|somente)\b"
    r"|\bporque\s+não\?"
)
_START = r"(?:(?:pois|ora|ah|bem|então|resposta(?:\s+final)?:|a\s+resposta\s+é:?)[\s,]+)?"
_END = r"(?=\s*(?:[.,;:!…)»\"]|$))"
_VERB = (
    r"há|é|está|estão|são|tem|têm|existem?|aparecem?|vê-se|veem-se|usam?|levam?|traz|trazem|vestem?|podem?|consegu?em?"
    r"|ficam?|vejo|foi|foram|era|eram|mostra|contém|pertencem?|cabem?|dá|dão|faz|fazem|vai|vão|parecem?|deve|sabem?|confirmo"
    r"|concordo"
)
# «Há.», «Está, está.», «Pois há», «Acho que está.», «Claro que há.»; but «Há: gato e cão.» begins a list.
_ECHO = re.compile(
    rf"{_START}(?:(?:acho|penso|creio|julgo|parece|parece-me|diria|suponho|claro|com\s+certeza|sem\s+dúvida|\w+mente)"
    rf"\s+que\s+)?(?P<verb>{_VERB})(?:,?\s+(?P=verb))?(?:\s+(?:lá|aí|ali|aqui|mesmo))?"
    rf"(?!\s*:){_END}(?!\s*[,.;:]?\s*(?:não|nao)\b|,[^,.;!]{{1,25}},)"
)
_CERTAIN = (
    r"(?:com\s+efeito|de\s+facto|efetivamente)(?!,)|claramente|exatamente|precisamente|justamente|exato|certíssimo"
    r"|corret[ao]|verdade|verdadeir[ao]|confirma-se|verifica-se|afirmativo|positivo|confirmado|pois\s+é|é\s+isso(?:\s+mesmo)?|isso(?:\s+mesmo)?|assim\s+é|é\s+verdade"
    r"|está\s+(?:cert[ao]|corret[ao])|é\s+(?:certo|corret[ao]|verdadeir[ao])|como\s+não"
    r"|yeah|yep|correct|true|right|exactly|indeed"
)
# These also open what is done when one is asked: «Claro! Vou ver a imagem.»
_WILLING = (
    r"claro(?:\s+está)?|é\s+claro|pois\s+claro|certo|com\s+(?:toda\s+a\s+)?certeza|certamente|seguramente|decerto|naturalmente"
    r"|evidentemente|obviamente|sem\s+(?:qualquer\s+|a\s+menor\s+|sombra\s+de\s+)?dúvidas?(?:\s+(?:alguma|nenhuma))?"
    r"|sure|of\s+course|certainly|definitely"
)
_DOING = r"(?!.*\b(?:vou|vamos|aqui\s+(?:está|vai)|segue|deixa-me|analis\w+)\b)"
_VERDICT = (
    r"(?:(?:isso|a|essa|esta|tal)\s+(?:(?:afirmação|afirmativa|frase|descrição|informação|resposta|legenda)\s+)?"
    r"(?:é|está)\s+)"
)
_YES = re.compile(
    rf"{_START}(?:(?:{_CERTAIN}){_END}|{_VERDICT}(?:verdade|verdadeir[ao]|corret[ao]|cert[ao])\b|é\s+verdade\s+que\b)"
)
_OF_COURSE = re.compile(
    rf"{_START}(?:{_WILLING})(?:{_END}|\s+(?:que|há|é|está|estão|tem|têm|são)\b){_DOING}", re.DOTALL
)
_REFUSED = (
    r"de\s+(?:modo|maneira|forma|jeito)\s+(?:nenhum|nenhuma|algum|alguma)|nem\s+(?:por\s+isso|pensar|por\s+sombras)|negativo"
    r"|nada(?:\s+disso)?|nunca|jamais|errado|errada|incorreto|incorreta|falso|falsa|é\s+(?:falso|falsa|mentira|errado)"
    r"|está\s+(?:errado|errada|incorreto|incorreta)|mentira|discordo|ninguém|nope|false|wrong|incorrect|of\s+course\s+not"
    r"|not\s+at\s+all"
)
_NO = re.compile(
    rf"{_START}(?:(?:{_REFUSED}){_END}|{_VERDICT}(?:mentira|fals[ao]|incorret[ao]|errad[ao])\b|é\s+(?:falso|mentira)\s+que\b"
    r"|nenhuma?\b(?!\s+dúvida)|em\s+(?:caso|lado)\s+(?:algum|nenhum)\b)"
)
_SENTENCE_END = re.compile(r"[.!;]")
# English "no" is also em + o, so it counts only where a comma or the end follows at the very start.
_WORD = re.compile(
    rf"(?P<nothing>\b(?:{_UNSURE}){_NOTHING})|(?P<unsure>\b(?:{_UNSURE})\b)|(?P<sim>\b(?:sim|yes)\b)"
    r"|(?P<no>\b(?:não|nao|not)\b|\b\w+n['’]t\b|^no(?=\s*(?:$|[,.;:!])))"
)


def yes_no(text: str) -> YesNo | None:
    """Read yes, no or "I do not know": the first of them that the answer says.

    Yes may also be said by the verb alone (``Há.``, ``Está, está.``) or by what stands for it (``Claro.``, ``É
    verdade.``), no as ``Nem por isso.`` or ``Nenhum.``; these open the answer.

    Args:
        text: an answer in Portuguese; English yes and no are understood.

    Returns:
        ``sim``, ``não``, ``não sei``, or None.
    """
    lowered = unicodedata.normalize("NFC", text).casefold().strip(" \t\n*_\"'«»“”.(#>-")
    is_sure = bool(_SURE.search(lowered))
    lowered = _NEITHER.sub(" ", _SURE.sub(" ", lowered)).replace("*", "").lstrip(" ,;:.")
    match = _WORD.search(lowered)
    opened = _opening(lowered, len(lowered) if match is None else match.start())
    if opened is not None:
        return opened
    if match is None:
        return "sim" if is_sure or _OF_COURSE.match(lowered) else None
    if match["unsure"]:
        return "não sei"
    return "sim" if match["sim"] else "não"


def _opening(text: str, word: int) -> YesNo | None:
    """Read what opens an answer, unless its first sentence goes on to say yes or no itself.

    Args:
        text: an answer in small letters.
        word: where the first «sim» or «não» stands, or the end.
    """
    if _ECHO.match(text):
        return "sim"
    readings: tuple[tuple[re.Pattern[str], YesNo], ...] = ((_NO, "não"), (_YES, "sim"))
    for pattern, said in readings:
        match = pattern.match(text)
        # «Correto, não há.» is a no, «Correto. Não está no chão.» is none.
        if match and (word == len(text) or _SENTENCE_END.search(text, match.end(), word)):
            return said
    return None
