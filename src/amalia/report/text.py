"""Everything the report says in Portuguese (pt-PT), in one place.

The template takes the constants by name; ``label`` turns identifiers of the system into words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

LANGUAGE: Final = "pt-PT"

SKIP: Final = "Saltar para o conteúdo"
CONTENTS: Final = "Secções do relatório"
CREATED: Final = "Relatório criado em"
SEED: Final = "semente"
SEEDS: Final = "sementes"
SEE_NUMBERS: Final = "Ver os números"
TOTAL: Final = "Total"
SIZE: Final = "Tamanho"

SUMMARY: Final = "Resumo"
QUESTION: Final = "Pergunta"
ANSWER: Final = "Resposta do modelo"
GOLD: Final = "Resposta certa"
RIGHT: Final = "Certa"
WRONG: Final = "Errada"
TOTAL_TIME: Final = "tempo total"
PEAK_MEMORY: Final = "memória máxima"
MODEL_SIZE: Final = "parâmetros"
DETAIL_BLIND: Final = "às cegas"

EVALUATION: Final = "Avaliação"
TASK: Final = "Tarefa"
NUM: Final = "n"
NUM_LONG: Final = "Número de perguntas"
BEFORE: Final = "Antes do DPO"
AFTER: Final = "Depois do DPO"
BLIND: Final = "Às cegas"
MAJORITY: Final = "Maioria"
READABLE: Final = "Legíveis"
COMPARISON: Final = "Comparação"
SEES: Final = "Vê?"
SEES_YES: Final = "vê"
SEES_NO: Final = "não provado"
SEES_NONE: Final = "só texto"
SEES_YES_WHY: Final = "Todo o intervalo é melhor do que o valor às cegas e do que o da maioria"
SEES_NO_WHY: Final = "O intervalo não é todo melhor do que as duas referências"
LOWER_IS_BETTER: Final = "menos é melhor"
BY_SEED: Final = "por semente"
LEGEND_SEEDS: Final = "cada semente"
LEGEND_BLIND: Final = "às cegas (imagem em branco)"
LEGEND_MAJORITY: Final = "resposta da maioria"

SAMPLES: Final = "Exemplos"
SAMPLES_LEAD: Final = (
    "Imagem, pergunta e resposta certa, ao lado do que o modelo disse antes e depois do DPO. "
    "A marca diz respeito à resposta depois do DPO."
)
SAMPLE_BEFORE: Final = "Antes"
SAMPLE_AFTER: Final = "Depois"
GOLD_BOX: Final = "caixa certa"
ANSWER_BOX: Final = "caixa do modelo"

DATA: Final = "Dados"
DATA_LEAD: Final = (
    "O que cada passo guardou e o que deixou de fora. Nada é retirado sem ficar contado, "
    "com o motivo."
)
VARIETIES: Final = "Português de Portugal ou do Brasil"
VARIETIES_LEAD: Final = (
    "A variedade dos textos com que se treinou e das respostas dadas no exame, segundo o detetor do "
    "próprio pacote. Nas frases curtas, muitas vezes, nada a revela: contam como indecisas."
)
TEXTS: Final = "Textos"
NUM_TEXTS: Final = "Quantos"
ANSWERS_OF: Final = "Respostas de {name}"
VARIETY_LABELS: Final = {
    "pt-PT": "Portugal",
    "pt-BR": "Brasil",
    "undecided": "Indecisos",
    "other": "Outra língua",
}
STEP: Final = "Passo"
KEPT: Final = "Guardados"
DROPPED: Final = "Retirados"
KEPT_SHARE: Final = "Parte guardada"
REASONS: Final = "Motivos"

TRAINING: Final = "Treino"
TRAINING_LEAD: Final = (
    "Onde há uma linha forte sobre outra esbatida, a esbatida são os valores medidos e a forte "
    "é a sua média móvel."
)
AXIS_STEP: Final = "passo"
SERIES: Final = "Série"
FIRST: Final = "Primeiro"
LAST: Final = "Último"
LOWEST: Final = "Mínimo"
HIGHEST: Final = "Máximo"

COSTS: Final = "Tamanhos e tempos"
STAGE: Final = "Fase"
TRAINABLE: Final = "O que aprende"
PARAMETERS: Final = "Parâmetros treinados"
OF_TOTAL: Final = "de"
STEPS: Final = "Passos"
NUM_SAMPLES: Final = "Amostras"
TOKENS: Final = "Tokens"
TIME: Final = "Tempo"
TIME_SHARE: Final = "Parte do tempo"
MEMORY: Final = "Memória máxima"
ARTIFACT: Final = "Artefacto"
ARTIFACTS: Final = "Artefactos"
FILES: Final = "Ficheiros"

ORIGINS: Final = "Versões e receitas"
ORIGINS_LEAD: Final = "O que é preciso para repetir esta execução."
VERSIONS: Final = "Versões"
PROGRAM: Final = "Programa"
VERSION: Final = "Versão"
MACHINE: Final = "Máquina"
FACT: Final = "Característica"
VALUE: Final = "Valor"
RECIPES: Final = "Receitas"
LINEAGE: Final = "Linhagem"
LINEAGE_LEAD: Final = "De que foi feito cada artefacto, do modelo até às fontes."

LIMITATIONS: Final = "Limitações"

_LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    "task": {
        "naming": "Dar o nome",
        "describing": "Descrever a cena",
        "description": "Descrever a cena",
        "counting": "Contar",
        "position": "Dizer onde está",
        "reading": "Ler palavras",
        "reading_line": "Ler linhas",
        "pointing": "Apontar",
        "yes_no": "Sim ou não",
        "charts": "Ler gráficos de barras",
        "chart": "Ler gráficos de barras",
        "text": "Só texto",
        "explaining": "Explicar palavras",
        "identity": "Dizer quem é",
        "variety": "Preferir o português europeu",
    },
    "metric": {
        "exact": "respostas exatas",
        "exact_match": "respostas exatas",
        "accuracy": "respostas certas",
        "preferred": "pares em que prefere a forma certa",
        "preference": "pares em que prefere a forma certa",
        "character_error_rate": "taxa de erro por carácter",
        "cer": "taxa de erro por carácter",
        "iou": "sobreposição das caixas",
        "f1": "F1",
        "precision": "precisão",
        "recall": "cobertura",
        "yes_share": "parte de respostas «sim»",
        "diacritics": "letras com acento ou cedilha bem lidas",
    },
    "group": {
        "printed": "letra impressa",
        "handwriting": "letra manuscrita",
        "handwritten": "letra manuscrita",
        "noto": "estilo Noto",
        "fluent": "estilo Fluent",
    },
    "stage": {
        "tower": "Torre de visão",
        "language": "Modelo de linguagem",
        "language_model": "Modelo de linguagem",
        "instructed": "Modelo de linguagem instruído",
        "align": "Alinhamento",
        "sft": "Ajuste por instruções (SFT)",
        "dpo": "Otimização por preferências (DPO)",
    },
    "part": {
        "connector": "conector",
        "tower": "torre de visão",
        "vision": "torre de visão",
        "language": "modelo de linguagem",
        "language_model": "modelo de linguagem",
        "embeddings": "vetores das palavras",
        "all": "tudo",
    },
    "chart": {
        "loss": "perda",
        "loss_of": "perda por origem dos dados",
        "reward": "recompensa",
        "rewards": "recompensa",
        "margin": "margem da recompensa",
        "reward_margin": "margem da recompensa",
        "accuracy": "pares bem ordenados",
        "kl": "distância à referência",
        "learning_rate": "taxa de aprendizagem",
        "gradient_norm": "norma do gradiente",
        "throughput": "velocidade",
    },
    "series": {
        "train": "treino",
        "loss": "treino",
        "validation": "validação",
        "validation_loss": "validação",
        "chosen": "resposta preferida",
        "rejected": "resposta rejeitada",
        "margin": "margem",
        "accuracy": "pares bem ordenados",
        "learning_rate": "taxa de aprendizagem",
        "connector": "conector",
        "tower": "torre de visão",
        "vision": "torre de visão",
        "language": "modelo de linguagem",
        "language_model": "modelo de linguagem",
    },
    "unit": {
        "nat/token": "nats por token",
        "nat": "nats",
        "fraction": "fração",
        "tokens/s": "tokens por segundo",
        "samples/s": "amostras por segundo",
    },
    "reason": {
        "too_short": "demasiado curto",
        "too_long": "demasiado comprido",
        "duplicate": "repetido",
        "untranslated": "por traduzir",
        "not_translated": "por traduzir",
        "variety_pt_br": "escrito em português do Brasil",
        "image_unreadable": "imagem ilegível",
        "invalid_record": "registo inválido",
        "other_split": "pertence a outra divisão",
        "no_gender": "sem género conhecido",
    },
    "machine": {
        "cpu": "processador",
        "cores": "núcleos",
        "memory": "memória",
        "accelerator": "acelerador",
        "device": "dispositivo",
        "dtype": "tipo numérico",
        "system": "sistema",
        "threads": "fios de execução",
    },
}


def label(kind: str, name: str) -> str:
    """Give the Portuguese words for an identifier, or the identifier when there are none.

    Args:
        kind: What it names: task, metric, group, stage, part, chart, series, unit, reason, machine.
        name: The identifier.
    """
    return _LABELS[kind].get(name, name)


def picture_alt(question: str) -> str:
    """Describe a picture that only its question says something about."""
    return f"Imagem a que se refere a pergunta: «{question}»"


def summary_lead(num_asked: int) -> str:
    """Say where the picture on top is from.

    Args:
        num_asked: Of how many pictures it is the one.
    """
    chosen = f" Das {num_asked} que lhe foram mostradas, é a da resposta em que mais confia."
    lead = "Uma imagem que o modelo nunca tinha visto, e o que respondeu."
    return lead + (chosen if num_asked > 1 else "")


def evaluation_lead(confidence: str, num_seeds: int) -> str:
    """Explain how to read the evaluation table.

    Args:
        confidence: Of the intervals, written.
        num_seeds: How many trainings the values are the mean of; 0 when not known.
    """
    mean = f" Os valores são a média de {num_seeds} sementes." if num_seeds > 1 else ""
    return (
        f"Perguntas que não entraram no treino, com intervalos de confiança de {confidence}.{mean} "
        "«Às cegas» é o mesmo modelo diante de uma imagem em branco; «Maioria» é dar sempre a "
        "resposta mais frequente. O modelo só ganha a marca «vê» quando o intervalo inteiro é "
        "melhor do que as duas. Uma resposta que não se consegue ler conta como errada."
    )


def chart_label(stage: str, chart: str, series: Sequence[str]) -> str:
    """Describe a line chart to who cannot see it."""
    return f"{stage}: gráfico de {chart} por passo ({', '.join(series)})"


def intervals_label(task: str, parts: Sequence[str]) -> str:
    """Describe an interval chart to who cannot see it."""
    return f"{task}: {'; '.join(parts)}"


def interval(low: str, high: str) -> str:
    """Write an interval."""
    return f"{low} a {high}"


def kept_share(name: str, share: str) -> str:
    """Describe the bar of one data step."""
    return f"{name}: guardados {share}"


def time_share(name: str, share: str) -> str:
    """Describe the bar of one training stage."""
    return f"{name}: {share} do tempo de treino"


def limitations(
    *, confidence: str, num_parameters: str | None, unproved: Sequence[str]
) -> list[str]:
    """List what a reader must not conclude from the numbers.

    Args:
        confidence: Of the intervals, written.
        num_parameters: Size of a model small enough for a warning of its own; None otherwise.
        unproved: Tasks with pictures in which seeing is not proved.
    """
    told = []
    if num_parameters is not None:
        # «9,8 milhões de parâmetros», but «262 400 parâmetros».
        link = "de " if num_parameters.endswith(("milhão", "milhões")) else ""
        told.append(
            f"Este é um modelo pequeno, com {num_parameters} {link}parâmetros. Mostra o caminho "
            "completo, dos dados à resposta; não serve para perguntas do dia a dia."
        )
    told += [
        "Os resultados valem para as imagens e perguntas do tipo das que foram avaliadas. Com "
        "fotografias, documentos ou temas que não estão nos dados, podem ser muito diferentes.",
        f"Os intervalos de {confidence} contam com o acaso da amostra de perguntas; não contam com "
        "erros nas próprias perguntas nem com outras maneiras de perguntar.",
    ]
    if unproved:
        told.append(
            f"Não ficou provado que o modelo olhe para a imagem em: {_enumerate(unproved)}. "
            "Nestas tarefas, um valor alto pode vir só do texto da pergunta."
        )
    told += [
        "O modelo pode inventar o que não está na imagem, e fá-lo com a mesma segurança com que "
        "acerta. Convém confirmar o que diz antes de o usar.",
        "A preferência pelo português europeu é medida em pares de frases escolhidos; não garante "
        "que nunca apareça uma forma brasileira.",
    ]
    return told


def _enumerate(names: Sequence[str]) -> str:
    quoted = [f"«{name}»" for name in names]
    if len(quoted) == 1:
        return quoted[0]
    return f"{', '.join(quoted[:-1])} e {quoted[-1]}"


def first_seed_only(seed: int) -> str:
    """Say what of a report of several runs is of one of them alone."""
    return (
        f"As curvas, os exemplos, os tempos e os ficheiros são da semente {seed}; só a avaliação é "
        "a média de todas, e os seus intervalos são os de Student, entre sementes."
    )
