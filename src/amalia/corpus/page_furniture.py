"""What stands on a page around its main text, told by how the page is marked up.

``selectors`` names the elements that are left out before a page is read: by their meaning in HTML
(``nav``, ``role="banner"``), because they are not shown, or by the names that the makers of Portuguese
sites and the common content systems give them. Names are compared as wholes or by their ends, so that
``with-sidebar`` around everything is not taken for a side bar. Only names that the page uses become
selectors: each one costs a pass over the page. The names were gathered from the usual themes of phpBB,
WordPress, Joomla, Drupal, Blogger and MediaWiki, and from the suppliers of consent banners.

Not covered: names that a build tool invents (``css-1x2y``); there only the text can tell.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_SELECTORS = 100
"""On one page; each is a pass over it, and no page has so many names for what stands around its text."""

CAPTIONS = frozenset(
    "wp-caption-text tr-caption thumbcaption legenda caption image-caption foto-legenda".split()
)
"""Classes of text that belongs to a picture; it is kept with the reference to it."""

_MEANT = (
    "nav", "aside", "dialog", "amp-sidebar", "marquee", "figcaption", "footer",
)  # fmt: skip
_ROLES = frozenset(
    "navigation banner contentinfo complementary search dialog alertdialog menu menubar".split()
)
_UNSEEN = "[hidden],[aria-hidden=true]"
_UNSEEN_STYLES = (
    "[style*='display:none' i],[style*='display: none' i],[style*='visibility:hidden' i]"
)

_SURE = frozenset(
    # not seen
    "hidden sr-only visually-hidden screen-reader-text assistive-text skip-link skip noprint "
    # navigation
    "nav navbar navigation breadcrumb breadcrumbs pathway caminho migalhas toc navbox catlinks pagination "
    "paginacao pager pagenav sitemap menu acessibilidade jump-to-nav sitesub editsection mw-editsection "
    "mainmenu submenu nav-menu subnav sub-navigation "
    # what other people wrote, and what else there is to read
    "comentarios comentários commentlist outras-noticias veja-tambem disqus_thread".split()
)
_SURE_BEGINNINGS = (
    # consent to cookies, under the names that the common suppliers use
    "cookie", "qc-cmp", "onetrust", "cybotcookiebot", "didomi", "cc-window", "gdpr", "rgpd", "consent-",
    "comments", "comment-", "comentario", "related", "relacionad", "jp-relatedposts", "infinite-scroll", "outbrain",
    "taboola",
)  # fmt: skip
_PROBABLE = frozenset(
    # around the page
    "sidebar lateral leftcolumn rightcolumn masthead colophon rodape rodapé copyright cabecalho cabeçalho "
    "site-header site-footer widget-area infobox footer header-nav departments tabs topo topbar "
    # about the article
    "tags etiquetas postmeta entry-meta post-footer postfoot postdetails postprofile postauthor gensmall "
    "createdate modifydate buttonheading ferramentas share partilha partilhar addthis_toolbox respond newsletter "
    "subscribe publicidade pub banner ads advertisement sondagem poll login search pesquisa spinner".split()
)
_BEGINNINGS = (
    "similar-", "upsell", "crosssell", "leia-tambem", "ultimas", "mais-lidas", "mais-vistas", "recommended",
    "sidebar-", "sidebar_", "footer-", "footer_", "menu-", "menu_", "navbar-", "main-nav", "nav-single",
    "blog-pager", "social-", "share-", "sharedaddy", "sd-sharing", "site-bottom", "rodape-", "modal-", "popup",
    "widget_",
)  # fmt: skip
_ENDINGS = (
    "-sidebar", "-nav", "-navigation", "-menu", "-breadcrumb", "-breadcrumbs", "-footer", "-comments", "-related",
    "-share", "-sharing", "-newsletter", "-tags", "-pagination", "_menu", "_nav", "_sidebar", "-cookies", "-banner",
)  # fmt: skip
# What surrounds the whole page tells of its parts: «with-sidebar», «comments-open».
_AROUND = ("with", "has-", "no-", "without", "com-", "sem-", "-open", "-closed", "-off")

# Each begins with a literal, so that a page is searched as fast as for a word; a few names too many (of
# «?id=5» in an address) do no harm, since an element must bear the name to be left out.
_VALUES = {
    attribute: [
        re.compile(rf"{written}=[\"']?([^\"'<>]{{1,300}})")
        for written in (attribute, attribute.upper())
    ]
    for attribute in ("class", "id", "role")
}
_HEAD_CHARS = 1000
_PLAIN = re.compile(r"[a-zA-Z_][\w-]*")


def selectors(html: str, *, only_sure: bool = False) -> list[str]:
    """Give CSS selectors of what is not main text on this very page.

    Args:
        html: The page.
        only_sure: Without the names that some sites give to their main text, such as ``sidebar``.
    """
    found = list(_MEANT)
    if "hidden" in html:
        found.append(_UNSEEN)
    if "display:" in html or "visibility:" in html:
        found.append(_UNSEEN_STYLES)
    roles, classes, ids = (_names(html, attribute) for attribute in ("role", "class", "id"))
    found += [f"[role={role}]" for role in roles & _ROLES]
    found += [f".{name}" for name in classes & CAPTIONS]
    is_one = _is_sure if only_sure else _is_furniture
    found += [f"[class~={name}]:not(body)" for name in classes if is_one(name)]
    found += [f"[id={name}]:not(body)" for name in ids if is_one(name)]
    return sorted(found)[:MAX_SELECTORS]


def _names(html: str, attribute: str) -> set[str]:
    lower, upper = _VALUES[attribute]
    values = lower.findall(html)
    if "<H" in html[:_HEAD_CHARS]:  # pages in capitals begin so: <HTML>, <HEAD>
        values += upper.findall(html)
    return {name for value in set(values) for name in value.split()}


@lru_cache(maxsize=4096)
def _is_furniture(name: str) -> bool:
    if _is_sure(name):
        return True
    lower = name.lower()
    is_one = lower in _PROBABLE or (
        (lower.startswith(_BEGINNINGS) or lower.endswith(_ENDINGS))
        and not any(part in lower for part in _AROUND)
    )
    return is_one and _PLAIN.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def _is_sure(name: str) -> bool:
    lower = name.lower()
    is_one = lower in _SURE or (
        lower.startswith(_SURE_BEGINNINGS) and not lower.endswith(("-open", "-closed", "-off"))
    )
    return is_one and _PLAIN.fullmatch(name) is not None
