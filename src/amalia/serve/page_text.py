"""What the chat page says, in European Portuguese."""

from __future__ import annotations

HEADING = "Conversar com {model}"
WARNING = (
    "As respostas são geradas por um modelo e podem estar erradas. Não escreva dados pessoais que não queira "
    "partilhar."
)
QUESTION = "Pergunta"
PLACEHOLDER = "Escreva uma pergunta, ou largue aqui uma imagem"
SEND = "Enviar"
STOP = "Parar"
NEW = "Nova conversa"
CAMERA = "Usar a câmara"
PICTURE = "Fotografia"
KEY = "Chave de acesso"
KEY_INFO = "Fica apenas nesta página."
LOG = "Conversa"
YOU = "Pergunta"
ANSWER = "Resposta"
EMPTY = "Ainda não há perguntas."
WORKING = "A responder…"
PICTURE_ALT = "Imagem {number} da pergunta"
STOPPED = "(resposta interrompida)"

REPORT = "Denunciar a última resposta"
CATEGORY = "O que se passa com a resposta?"
CATEGORIES = (
    ("É prejudicial ou ofensiva", "harmful"),
    ("Está errada", "wrong"),
    ("Revela dados pessoais", "private"),
    ("Não está em português europeu", "language"),
    ("Outra coisa", "other"),
)
COMMENT = "Comentário (facultativo)"
REPORT_SEND = "Denunciar"
REPORTED = "Obrigado. A denúncia ficou registada com o número {number}."
NOTHING_TO_REPORT = "Ainda não há nenhuma resposta para denunciar."

TRACE = "Número desta resposta"
FLAGGED = "Assinalado: {categories}"
BLOCKED = "Esta resposta foi bloqueada."
MASKED = "Foram retirados dados pessoais: {categories}"
PASSAGES = "Fontes"
WEAK = "apoio fraco"
BRAZILIAN = "Sublinhado a pontos: formas do português do Brasil."
INSTEAD = "Em Portugal: {instead}"
FAILED = "Não foi possível responder: {error}"

CATEGORY_NAMES = {
    "sexual": "conteúdo sexual",
    "hate": "discurso de ódio",
    "dangerous": "atividades perigosas",
    "harassment": "assédio",
    "violence": "violência",
    "obscenity": "linguagem obscena",
    "personal_data": "dados pessoais de terceiros",
    "special_data": "dados sensíveis",
    "consent": "falta de consentimento",
    "rights": "direitos sobre os dados",
    "transfer": "transferência de dados",
    "profiling": "definição de perfis",
    "prompt_injection": "instruções infiltradas",
    "prompt_extraction": "pedido das instruções",
    "nif": "NIF",
    "niss": "NISS",
    "cartao_cidadao": "cartão de cidadão",
    "iban": "IBAN",
    "phone": "telefone",
    "postal_code": "código postal",
    "licence_plate": "matrícula",
    "email": "correio eletrónico",
    "payment_card": "cartão de pagamento",
    "variety_pt_br": "português do Brasil",
}

ERRORS = {
    "invalid_api_key": "a chave de acesso não é válida.",
    "rate_limit_exceeded": "fez demasiados pedidos. Tente daqui a pouco.",
    "queue_full": "há demasiados pedidos à espera. Tente daqui a pouco.",
    "context_length_exceeded": "a conversa é demasiado longa. Comece uma nova.",
    "not_ready": "o modelo ainda não está pronto. Tente daqui a pouco.",
    "not_logged": "o registo não está disponível. Tente mais tarde.",
    "timeout": "a resposta demorou demasiado tempo.",
    "too_many_images": "a pergunta tem demasiadas imagens.",
    "unsupported_field": "este modelo não lê imagens.",
}
UNKNOWN_ERROR = "ocorreu um erro ({code}). Tente novamente."
