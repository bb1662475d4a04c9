"""What the chat page says, in European Portuguese."""

from __future__ import annotations

HEADING = "Conversar com {model}"
WARNING = (
    "As respostas são geradas por um modelo e podem estar erradas. Não escreva dados pessoais que não queira "
    "partilhar."
)
FOOTER = "Modelo: {model}. As respostas podem estar erradas; confirme o que for importante."
QUESTION = "Pergunta"
PLACEHOLDER = "Escreva uma pergunta (Enter envia, Shift+Enter muda de linha)"
SEND = "Enviar"
STOP = "Parar"
NEW = "Nova conversa"
KEY = "Chave de acesso"
KEY_INFO = "Fica apenas nesta página e desaparece quando a fechar."
LOG = "Conversa"
YOU = "Pergunta {number}"
ANSWER = "Resposta {number}"
EMPTY = "Faça uma pergunta ou junte uma imagem: um ficheiro, uma imagem largada nesta página ou uma fotografia."
WORKING = "A responder…"
STOPPED = "A resposta foi interrompida."
CUT = "A resposta foi cortada por ser demasiado longa."

PICTURE_ALT = "Imagem {number} da pergunta"
SCRIPT = {
    "pictures": "Imagens da pergunta",
    "add": "Juntar imagens",
    "camera": "Usar a câmara",
    "shoot": "Fotografar",
    "close": "Fechar",
    "remove": "Retirar a imagem {number}",
    "picture": "Imagem {number}",
    "added": "Imagens juntas: {number}",
    "wrongKind": "«{name}» não é uma imagem que se possa ler.",
    "tooMany": "Pode juntar, no máximo, {number} imagens.",
    "tooLarge": "«{name}» é demasiado grande.",
    "noCamera": "Não foi possível usar a câmara.",
    "preview": "Imagem da câmara",
    "copied": "Copiado",
    "error": "Erro",
    "refused": "Não foi possível enviar o pedido. Tente daqui a pouco ou recarregue a página.",
}
"""What the page's script says."""

REPORT = "Denunciar a resposta {number}"
REPORT_THIS = "Denunciar esta resposta"
CATEGORY = "O que se passa com a resposta?"
CATEGORIES = (
    ("É prejudicial ou ofensiva", "harmful"),
    ("Está errada", "wrong"),
    ("Revela dados pessoais", "private"),
    ("Não está em português europeu", "language"),
    ("Outra coisa", "other"),
)
COMMENT = "Comentário (facultativo)"
REPORT_SEND = "Enviar a denúncia"
REPORT_CANCEL = "Cancelar"
REPORTED = "Obrigado. A denúncia ficou registada com o número {number}."
NOT_REPORTED = "Não foi possível registar a denúncia: {error}"

TRACE = "N.º da resposta:"
COPY = "Copiar"
FLAGGED = "Assinalado nesta resposta: {categories}."
BLOCKED = "Esta resposta foi bloqueada."
BLOCKED_FOR = "Esta resposta foi bloqueada. Motivo: {categories}."
MASKED = "Foram retirados desta resposta dados pessoais: {categories}."
PASSAGES = "Fontes"
SOURCE = "Fonte {number}"
WEAK = "apoio fraco"
BRAZILIAN = "Formas do português do Brasil, sublinhadas a pontos: {forms}."
INSTEAD = "Em Portugal: {instead}"
FROM_BRAZIL = "Forma do português do Brasil"
FAILED = "Não foi possível responder: {error}"
BROKEN_OFF = "A resposta ficou a meio: {error}"

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
    "missing_api_key": "falta a chave de acesso. Escreva-a no campo próprio.",
    "invalid_api_key": "a chave de acesso não é válida.",
    "keys_unavailable": "não é possível verificar a chave. Tente mais tarde.",
    "rate_limit_exceeded": "fez demasiados pedidos. Tente daqui a pouco.",
    "queue_full": "há demasiados pedidos à espera. Tente daqui a pouco.",
    "context_length_exceeded": "a conversa é demasiado longa. Comece uma nova.",
    "text_too_long": "a conversa é demasiado longa. Comece uma nova.",
    "body_too_large": "o pedido é demasiado grande. Junte menos imagens.",
    "not_ready": "o modelo ainda não está pronto. Tente daqui a pouco.",
    "not_logged": "o registo não está disponível. Tente mais tarde.",
    "timeout": "a resposta demorou demasiado tempo.",
    "engine_failed": "o modelo falhou. Tente novamente.",
    "documents_unavailable": "não é possível consultar as fontes. Tente mais tarde.",
    "decoder_unavailable": "não é possível ler imagens neste momento. Tente daqui a pouco.",
    "too_many_images": "a conversa tem demasiadas imagens. Comece uma nova.",
    "too_many_pixels": "as imagens da conversa são demasiado grandes. Comece uma nova ou junte imagens mais pequenas.",
    "image_file_too_large": "uma das imagens é demasiado grande.",
    "unsupported_image_media_type": "uma das imagens é de um formato que não se lê.",
    "invalid_value": "o pedido não é válido. Se tem uma imagem, experimente outra.",
    "unsupported_field": "este modelo não lê imagens.",
    "trace_not_found": "já não há registo dessa resposta.",
}
UNKNOWN_ERROR = "ocorreu um erro ({code}). Tente novamente."
