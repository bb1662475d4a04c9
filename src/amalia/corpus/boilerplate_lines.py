"""Lines that sites in Portuguese put around every text, each with the reason under which it is counted.

A pattern describes a whole line, never a part of one, so that a sentence about cookies stays. The
phrases were gathered from the content systems' own translations and from what Portuguese media and town halls write.
Both spellings are listed where they differ.
"""

from __future__ import annotations

import re

MAX_CHARS = 300
"""No longer line is one of these."""

_PHRASES: dict[str, tuple[str, ...]] = {
    # Notices that the law asks for; all say «cookies» and who uses them.
    "boilerplate_cookies": (
        r"(?:este|o nosso) (?:site|sítio|website|portal|blog|blogue) (?:utiliza|usa|recorre a) cookies\b.{0,200}",
        r"(?:utilizamos|usamos) cookies\b.{0,200}",
        r"ao (?:continuar a navegar|navegar|utilizar este|usar este)\b.{0,120}\bcookies\b.{0,120}",
        r"(?:política|definições|gestão|aviso|preferências) (?:de|dos) cookies",
        r"(?:aceitar|rejeitar|recusar|gerir)(?: todos)?(?: os)? cookies",
        r"a sua privacidade é importante(?: para nós)?",
        r"nós e os nossos parceiros\b.{0,160}\b(?:cookies|dados)\b.{0,160}",
    ),
    # Buttons for passing a page on.
    "boilerplate_share": (
        r"(?:cli(?:que|car) para )?(?:partilhar|partilhe|compartilhar|enviar|tweetar)"
        r"(?: isto| est[ea] (?:artigo|notícia|página|oferta))?"
        r"(?:,? (?:no|na|por|via|com o|com) (?:o |a )?(?:facebook|twitter|x|whatsapp|linkedin|pinterest|instagram"
        r"|telegram|e-?mail|correio eletrónico|um amigo)"
        r"(?: \(abre (?:em|numa) nova janela\)| \(opens in new window\))?)? ?:?",
        r"(?:facebook|twitter|whatsapp|linkedin|pinterest|instagram|google\+|youtube|rss)",
        r"enviar (?:a um amigo|por e-?mail|a mensagem por e-?mail)",
        r"gosto disto:?|gosto|siga-nos(?: (?:no|nas|em) .{0,40})?",
    ),
    # Rights and makers, at the foot.
    "boilerplate_rights": (
        r"(?:©|\(c\) |copyright\b).{0,120}",
        r".{0,80}\btodos os direitos reservados\b.{0,80}",
        r"(?:orgulhosamente )?(?:powered by|desenvolvido por|construído com|design by) .{0,60}",
        r"(?:sítio |site |página )?(?:melhor visualizad[oa]|op?timizad[oa]) (?:em|para|com) .{0,80}",
        r"política de privacidade|termos (?:e condições|de utilização|de uso)|livro de reclamações",
        r"ficha técnica|estatuto editorial|aviso legal|mapa do (?:site|sítio)",
        r"última (?:ac?tualização|modificação)(?: em| a)? ?:? ?[\d/:. h-]{0,30}(?:de \w+ de \d{4})?",
    ),
    # Ways about the page and the site.
    "boilerplate_navigation": (
        r"(?:saltar|passar|ir|avançar) (?:para|diretamente para|directamente para)(?: o| a)?"
        r" (?:conteúdo|menu|navegação|pesquisa|topo|página)(?: principal| inicial)?",
        r"(?:voltar|regressar)(?: ao topo| acima| ao início| à página inicial| atrás| à lista)?",
        r"(?:← |« |< )?(?:anterior|página anterior|artigo anterior|mensagem antiga)",
        r"(?:seguinte|próxim[oa]|página seguinte|artigo seguinte|mensagem mais recente)(?: →| »| >)?",
        r"início|home|página (?:inicial|principal)|menu(?: principal)?|pesquisar|pesquisa|procurar",
        r"entrar|registar|login|iniciar sessão|contactos",
        r"imprimir|versão para (?:impressão|imprimir)|(?:aumentar|diminuir) letra|a\+|a-",
        r"está (?:em|aqui):?.{0,100}›.{0,100}",
    ),
    # Invitations to read on or to write.
    "boilerplate_more": (
        r"(?:ler|saber|ver|saiba|leia|carregar|mostrar) mais(?: [»›>…]+|\.\.\.)?|continuar a ler(?: .{0,80})?",
        r"ver (?:todos|tudo)|mais informações",
        r"(?:notícias|artigos|conteúdos) relacionad[oa]s:?|relacionado:?|(?:leia|ler|veja) também:?",
        r"mais (?:lidas|vistas)|pode também gostar(?: de)?:?",
        r"(?:deixe|deixar)(?: uma| um| a sua| o seu)? (?:resposta|comentário)|comentar|responder",
        r"(?:\d+|sem) comentários?:?|comentários ?(?:\(\d+\))?:?",
        r"o seu (?:endereço de )?e-?mail não será publicado\b.{0,120}|campos obrigatórios\b.{0,60}",
        r"subscreva a (?:nossa )?newsletter\b.{0,120}",
        r"inscreva-se (?:já )?na nossa (?:lista|newsletter)\b.{0,120}",
        r"publicidade|pub\.?|anúncios?|conteúdo patrocinado|esta informação foi útil\?",
    ),
    # What a page says instead of its text.
    "boilerplate_notice": (
        r"(?:precisa de|por favor,? |tem de|deve|é necessário) ?(?:ativar?|activar?|ligar?) o java ?script\b.{0,100}",
        r"(?:o )?java ?script (?:está )?(?:desativado|desactivado|desligado|não está ativo)\b.{0,80}",
        r"a carregar ?(?:\.\.\.|…)?",
        r"(?:a|esta) página(?: que procura| solicitada| pedida)? (?:não existe|não foi encontrada)\b.{0,80}",
        r"página não encontrada|erro 404.{0,40}",
        r"(?:este|o) (?:artigo|conteúdo) é exclusivo para assinantes\b.{0,80}",
    ),
}
# One pattern for all, so that a line is read once; the name of the group that matched is the reason.
_ANY = re.compile(
    "|".join(f"(?P<{name}>{'|'.join(phrases)})" for name, phrases in _PHRASES.items()),
    re.IGNORECASE,
)


def reason(line: str) -> str | None:
    """Give the reason under which a whole line is left out, or None if it is not boilerplate."""
    match = _ANY.fullmatch(line)
    return match.lastgroup if match else None
