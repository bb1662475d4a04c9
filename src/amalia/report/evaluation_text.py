"""Everything the page about evaluations says in Portuguese (pt-PT), in one place.

What it shares with the report of a run stands in ``text``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from amalia.report import text

LANGUAGE: Final = text.LANGUAGE
SKIP: Final = text.SKIP
CONTENTS: Final = "Secções da página"
CREATED: Final = "Página criada em"
MODEL: Final = "Modelo"
MODELS: Final = "Modelos"
TASK: Final = "Tarefa"
GROUP: Final = "Grupo"
VALUE: Final = "Valor"

FAILURES: Final = "Falhas"
FAILURES_LEAD: Final = (
    "O que ficou sem pontuação, antes de qualquer resultado. Uma amostra falha quando não chega a haver resposta: "
    "falta a imagem, a pergunta não cabe no modelo, o servidor deu erro. Acima de 1 % de falhas, os valores da tarefa "
    "dizem respeito a outra amostra de perguntas e não servem para comparar. As respostas ilegíveis contam como "
    "erradas; as cortadas e as recusas são pontuadas como as outras; um juízo inválido deixa a amostra sem pontuação."
)
ASKED: Final = "Perguntas"
ANSWERED: Final = "Respondidas"
FAILED: Final = "Falhadas"
UNREADABLE: Final = "Ilegíveis"
CUT: Final = "Cortadas"
CUT_LONG: Final = "Respostas que acabam no limite de tokens"
REFUSED: Final = "Recusas"
INVALID: Final = "Juízos inválidos"
REASONS: Final = "Motivos das falhas"
FAILING: Final = "mais de 1 % falhou"
NONE_FAILED: Final = "Nenhuma amostra falhou."
EXAMPLE: Final = "por exemplo"

RESULTS: Final = "Resultados"
RESULTS_LEAD: Final = (
    "Médias com intervalos de confiança de 95 %. Perguntas sobre a mesma imagem ou da mesma conversa não são "
    "independentes; o erro-padrão conta com isso, e «unidades» diz quantas são independentes. «Às cegas» é o mesmo "
    "modelo diante de imagens em branco. «Constante» é dar sempre a mesma resposta, a melhor que há. «Legíveis» é a "
    "parte das respostas que se conseguiu ler."
)
ERROR: Final = "Erro-padrão"
INTERVAL: Final = "Intervalo de 95 %"
NUM: Final = "n"
NUM_LONG: Final = "Número de perguntas"
UNITS: Final = "Unidades"
UNITS_LONG: Final = "Unidades independentes"
BLIND: Final = "Às cegas"
CONSTANT: Final = "Constante"
READABLE: Final = "Legíveis"
HELPS: Final = "a imagem ajuda"
HELPS_NOT: Final = "não se prova que a imagem ajude"
LOWER_IS_BETTER: Final = "menos é melhor"
FAMILIES: Final = "Médias de conjuntos de tarefas"
FAMILIES_LEAD: Final = (
    "Só aparecem quando estão todas as tarefas do conjunto. O erro-padrão junta os das tarefas, que são independentes "
    "umas das outras."
)
FAMILY: Final = "Conjunto"
NUM_TASKS: Final = "Tarefas"
WEIGHTING: Final = "Peso"
WEIGHTINGS: Final = {"macro": "igual para todas", "size": "pelo número de perguntas"}
OURS: Final = "média nossa: quem publicou o conjunto não define nenhuma"

COMPARISONS: Final = "Comparações"
COMPARISONS_LEAD: Final = (
    "Diferenças nas mesmas perguntas, com intervalos de 95 %. O veredicto vem depois da correção de Holm, porque em "
    "vinte tarefas iguais uma pareceria diferente só por acaso. «Não se consegue distinguir» não quer dizer que os "
    "modelos sejam iguais: quer dizer que estas perguntas não chegam para os separar."
)
DIFFERENCE: Final = "Diferença"
P_VALUE: Final = "p corrigido"
P_VALUE_LONG: Final = "Valor p depois da correção de Holm"
VERDICT: Final = "Veredicto"
CANNOT_TELL: Final = "não se consegue distinguir"
NOT_COMPARABLE: Final = "não comparável"
NO_METRIC: Final = (
    "esta versão do programa não conhece nenhuma medida que as duas avaliações tenham"
)
NONE_SHARED: Final = "as duas avaliações não têm perguntas em comum com pontuação"
FOREST: Final = "Intervalo da diferença"
MORE_METRICS: Final = "Outras medidas"
BY_GROUP: Final = "Por grupo"

GROUPS: Final = "Por grupo"
GROUPS_LEAD: Final = (
    "A medida principal de cada tarefa, em cada grupo de perguntas. O traço fino é o intervalo de 95 %; em grupos "
    "pequenos é largo, e as diferenças entre grupos podem ser só acaso."
)
DRAWING: Final = "Desenho"

LETTERS: Final = "Letras escolhidas"
LETTERS_LEAD: Final = (
    "Com que frequência cada letra foi a resposta. Um modelo que prefere uma letra, qualquer que seja a pergunta, está "
    "a adivinhar."
)
LETTER: Final = "Letra"
SHARE: Final = "Parte das respostas"

VARIETY: Final = "Português de Portugal ou do Brasil"
VARIETY_LEAD: Final = (
    "A variedade das respostas de três palavras ou mais, segundo o detetor do próprio pacote. A parte de pt-PT "
    "conta-se entre as respostas que se deixam decidir; nas frases curtas, muitas vezes, nada revela a variedade."
)
PT_PT: Final = "Parte de pt-PT"
VARIETY_LABELS: Final = text.VARIETY_LABELS
EVIDENCE: Final = "O que se leu de brasileiro"
NO_EVIDENCE: Final = "nenhuma forma brasileira"

SAMPLES: Final = "Exemplos"
SAMPLES_LEAD: Final = (
    "As piores respostas vêm primeiro, uma tarefa de cada vez. Segue-se uma parte das outras, "
    "para se ver também o que corre bem."
)
FILTER: Final = "Escolher exemplos"
FILTER_PLACE: Final = "Tarefa ou grupo"
FILTER_OUTCOME: Final = "O que aconteceu"
FILTER_TEXT: Final = "Texto"
FILTER_TEXT_HINT: Final = "procura na pergunta, nas respostas e nas notas"
EVERY_TASK: Final = "todas"
EVERY_OUTCOME: Final = "tudo"
DISPUTED: Final = "os modelos diferem"
CLEAR: Final = "Limpar"
MORE: Final = "Mostrar mais"
NO_MATCH: Final = "Nenhum exemplo corresponde à escolha."
SHOWN_OF: Final = "A mostrar {shown} de {found} exemplos."
"""Filled in by the page itself; stands in an attribute."""
QUESTION: Final = "Pergunta"
TARGET: Final = "Resposta certa"
SAID: Final = "Disse"
READ: Final = "Leu-se"
WHY: Final = "Porquê"
PROBLEM: Final = "Problema"
NOTHING_SAID: Final = "(nada)"
NO_TARGET: Final = "(só um juiz a pode avaliar)"
STATES: Final = {
    "right": "Certa",
    "partial": "Em parte",
    "wrong": "Errada",
    "unreadable": "Ilegível",
    "failed": "Falhou",
}
STATE_MARKS: Final = {"right": "✓", "partial": "◐", "wrong": "✗", "unreadable": "?", "failed": "!"}
STATES_MANY: Final = {
    "right": "certas",
    "partial": "certas em parte",
    "wrong": "erradas",
    "unreadable": "ilegíveis",
    "failed": "falhadas",
}

ORIGINS: Final = "Proveniência"
ORIGINS_LEAD: Final = "O que é preciso para repetir estas avaliações e para citar os dados."
ENGINE: Final = "Identificação"
CODE: Final = "Código"
COMMAND: Final = "Comando"
STARTED: Final = "Início"
FINISHED: Final = "Fim"
PACKAGES: Final = "Versões dos programas"
VERSION: Final = "Versão"
DATA: Final = "Dados"
LICENSE: Final = "Licença"
SCORING: Final = "Pontuação"
SCORINGS: Final = {"ours": "nossa", "upstream": "como publicada, com os seus defeitos"}
JUDGE: Final = "Juiz"
ORDERS: Final = "Ordens das opções"
MAX_TOKENS: Final = "Limite de tokens"
INSTRUCTION: Final = "Instrução"
NON_COMMERCIAL: Final = "não comercial"
NON_COMMERCIAL_LEAD: Final = (
    "Há dados que a licença só deixa usar para fins não comerciais: {tasks}. Os resultados podem citar-se; os "
    "dados não podem entrar num produto."
)

_METRICS: Final[Mapping[str, str]] = {
    "relaxed_accuracy": "respostas certas (números com ±5 %)",
    "vqa_accuracy": "respostas certas (segundo dez pessoas)",
    "exact": "respostas exatas",
    "anls": "semelhança do texto (ANLS)",
    "diacritics": "letras com acento ou cedilha bem lidas",
    "bleu1": "palavras em comum (BLEU-1)",
    "bleu_1": "palavras em comum (BLEU-1)",
    "bleu_2": "pares de palavras em comum (BLEU-2)",
    "bleu_3": "trios de palavras em comum (BLEU-3)",
    "bleu_4": "quartetos de palavras em comum (BLEU-4)",
    "rouge_l": "maior sequência em comum (ROUGE-L)",
    "cider": "consenso com as legendas (CIDEr)",
    "precision": "precisão",
    "recall": "cobertura",
    "yes_share": "parte de respostas «sim»",
    "average": "média das categorias",
    "every_order": "certas em todas as ordens das opções",
    "perception": "perceção (soma das categorias)",
    "cognition": "cognição (soma das categorias)",
    "pairs_left_out": "pares de perguntas deixados de fora",
    "center_acc": "caixas com o centro certo",
    "chair_i": "coisas inventadas, entre as nomeadas",
    "chair_s": "legendas com alguma coisa inventada",
    "alba": "média das categorias (ALBA)",
    "european": "português de Portugal",
    "brazilian": "respostas em português do Brasil",
    "not_portuguese": "respostas que não são em português",
    "pct_not_pt": "respostas que não são em português",
    "pct_invalid": "respostas inválidas",
    "refusal": "recusas do que é perigoso",
    "over_refusal": "recusas do que é inofensivo",
    "balanced": "média das recusas certas e das respostas certas",
}
_BOXES: Final = "caixas que cobrem a certa em {share} %"
_REASONS: Final[Mapping[str, str]] = {
    "missing_picture": "falta a imagem",
    "picture_missing": "falta a imagem",
    "image_unreadable": "imagem ilegível",
    "missing_field": "falta um campo nos dados",
    "malformed_field": "um campo dos dados não tem a forma esperada",
    "malformed_options": "as opções não têm a forma esperada",
    "answer_out_of_range": "a resposta certa não está entre as opções",
    "reserved_token": "o texto traz um símbolo reservado",
    "prompt_too_long": "a pergunta não cabe no modelo",
    "prompt_without_question": "falta a pergunta",
    "empty_answer": "resposta vazia",
    "no_likelihoods": "o modelo não dá probabilidades",
    "not_one_token": "uma opção não é um só símbolo",
    "not_found": "o servidor não conhece o modelo",
    "key_refused": "o servidor recusou a chave",
    "refused_by_server": "o servidor não aceitou o pedido",
    "no_server": "o servidor não está acessível",
    "no_connection": "a ligação ao servidor caiu",
    "timeout": "o servidor não respondeu a tempo",
    "malformed": "a resposta do servidor não se consegue ler",
    "aborted": "o servidor interrompeu a resposta",
    "tool_call": "o servidor quis chamar uma ferramenta",
    "template_differs": "o modelo de conversa abre a resposta de outra maneira",
    "generation": "o modelo não respondeu",
    "invalid_judgement": "o juízo não se consegue ler",
}
_SETTINGS: Final[Mapping[str, str]] = {
    "version": "versão da tarefa",
    "scoring": "forma de pontuar",
    "instruction": "instrução",
    "revision": "revisão dos dados",
    "judge": "juiz",
    "max_new_tokens": "limite de tokens",
}
_UNITS: Final[Mapping[str, str]] = {"points": "pontos", "pairs": "pares"}


def metric(name: str) -> str:
    """Give the words for a metric, or its identifier when there are none."""
    kind, _, least = name.partition("@")
    if kind == "acc" and least:
        return _BOXES.format(share=round(100 * float(least)))
    return _METRICS.get(name) or text.label("metric", name)


def task(name: str) -> str:
    """Give the words for a task, or its identifier when there are none."""
    return text.label("task", name)


def group(name: str) -> str:
    """Give the words for a group, or its identifier when there are none."""
    return text.label("group", name)


def reason(name: str) -> str:
    """Give the words for a reason of failure, or its identifier when there are none."""
    return _REASONS.get(name) or text.label("reason", name)


def unit(name: str) -> str:
    """Give the words for a unit, or its name when there are none."""
    return _UNITS.get(name, name)


def title(models: Sequence[str]) -> str:
    """Name a page after the models it is about."""
    return f"Avaliação de {_enumerate(models)}"


def verdict_better(model: str) -> str:
    """Say which model is better."""
    return f"{model} é melhor"


def pair(first: str, second: str) -> str:
    """Name the comparison of two models; the difference is the first minus the second."""
    return f"{first} e {second}"


def pair_lead(first: str, second: str) -> str:
    """Explain the sign of the differences."""
    return f"Diferença: {first} menos {second}. À direita do zero, {first} tem o valor mais alto; à esquerda, {second}."


def differing(values: Mapping[str, tuple[str, str]]) -> str:
    """Say in which settings two runs differ."""
    told = [
        f"{_SETTINGS.get(name, name)} ({_quoted(one)} e {_quoted(two)})"
        for name, (one, two) in values.items()
    ]
    return "as duas avaliações diferem em: " + "; ".join(told)


def left_out(num_other: str | None, num_alone: str | None) -> str:
    """Say which samples a comparison leaves out.

    Args:
        num_other: How many have another question or answer, written; None for none.
        num_alone: How many only one model has a score for, written; None for none.
    """
    told = []
    if num_other:
        told.append(f"{num_other} com outra pergunta ou resposta certa")
    if num_alone:
        told.append(f"{num_alone} com pontuação num só dos modelos")
    return "ficam de fora: " + "; ".join(told) if told else ""


def forest_label(name: str, difference: str, interval: str) -> str:
    """Describe the drawing of a difference to who cannot see it."""
    return f"{name}: diferença {difference}, intervalo de {interval}"


def forest_scale(low: str, high: str) -> str:
    """Say how far the drawings of differences reach."""
    return f"de {low} a {high}"


def bar_label(name: str, value: str, interval: str) -> str:
    """Describe the bar of a value to who cannot see it."""
    return f"{name}: {value}, intervalo de {interval}"


def share_label(name: str, value: str) -> str:
    """Describe the bar of a share to who cannot see it."""
    return f"{name}: {value}"


def capped(shown: str, total: str) -> str:
    """Say that not all samples are on the page."""
    return (
        f"A página traz {shown} de {total} exemplos; os restantes estão nos registos da avaliação. "
        "A escolha abaixo procura só entre os que aqui estão."
    )


def picture_alt(question: str) -> str:
    """Describe a picture that only its question says something about."""
    return text.picture_alt(question)


def cut_text(num_characters: str) -> str:
    """Say that a text goes on."""
    return f"[… mais {num_characters} caracteres]"


def code(commit: str | None, *, is_dirty: bool, version: str) -> str:
    """Name the code that ran."""
    told = f"amalia {version}".strip()
    if commit:
        told += f", commit {commit[:12]}"
    return told + (" (com alterações por guardar)" if is_dirty else "")


def _quoted(value: str) -> str:
    return f"«{value}»" if value else "nada"


def _enumerate(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} e {names[-1]}"
