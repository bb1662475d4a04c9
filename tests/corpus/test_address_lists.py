"""Addresses of pages that stay and pages that go."""

from __future__ import annotations

import csv
import gzip

import pytest

from amalia.corpus.address_lists import FILE, packaged, read_hosts, why_not, with_hosts
from amalia.errors import RecordError

GONE = {
    "https://www.pornhub.com/view?x=1": "address_adult",
    "http://pt.xvideos.com": "address_adult",
    "http://videosporno.com.br/": "address_adult",
    "HTTP://USER@WWW.PORNOGRATIS.COM:8080/": "address_adult",
    "https://exemplo.xxx/": "address_adult",
    "http://exemplo.pt/videos-sexo-gratis/": "address_adult",
    "http://exemplo.pt/er%C3%B3tico/nuas": "address_adult",
    "http://exemplo.com.br/gostosas-peladas": "address_adult",
    "http://exemplo.pt/casino-online?bonus=100&slots": "address_gambling",
    "https://exemplo.pt/casino-slots": "address_gambling",
    "https://pt.1xbet.com": "address_gambling",
    "http://escola.edu.pt/wp-content/slot-gacor/": "address_gambling",
    "http://apostas.bet/": "address_gambling",
    "http://buy-viagra-online.com/": "address_spam",
    "http://exemplo.pt/?q=comprar+viagra+online": "address_spam",
    "exemplo.pt/warez": "address_spam",
}
STAYS = [
    "https://www.publico.pt/2019/05/12/sexta-feira-13",
    "https://www.essex.ac.uk/",
    "https://www.middlesexcounty.gov/",
    "http://www.sussex.police.uk",
    "https://exemplo.pt/analise/dados",
    "https://exemplo.pt/canal/analise-de-texto",
    "http://www.casino-estoril.pt/espetaculos",
    "http://www.monte-cassino.it/",
    "https://www.saude.pt/saude/sexo-e-adolescencia",
    "https://www.ine.pt/populacao-por-sexo",
    "https://exemplo.pt/viagra-faz-mal-ao-coracao",
    "https://www.pornic.fr/office",
    "https://www.ville-pornichet.fr",
    "http://xxx.lanl.gov/abs/hep-th/9901001",
    "https://www.socialista.pt/especialista",
    "https://hospital.pt/visitas-e-acompanhantes",
    "https://stand.pt/ford-escort",
    "https://exemplo.pt/o-sexto-sentido",
    "https://www.cm-cascais.pt/cascais",
    "https://exemplo.pt/cursos/assessoria",
    "https://exemplo.pt/download-gratis/videos",
    "https://exemplo.pt/comprar-online-barato",
    "https://jogos.pt/poker",
    "https://exemplo.pt/noticias/casino-bonus-fiscal",
    "https://exemplo.pt/videos/sexo-seguro",
    "https://exemplo.pt/casamento-entre-pessoas-do-mesmo-sexo-lesbicas",
    "https://exemplo.pt/receitas/amendoas-peladas",
    "https://exemplo.pt/xxx-congresso",
    "https://exemplo.pt/man/ssh-keygen",
    "http://exemplo.pt/titulares",
    "http://exemplo.pt/cumprimentos-e-computador",
    "https://www.betania.pt",
    "",
    "não é um endereço",
    "http://[::1]/",
    "http://%ff%fe/",
    "a." * 100_000,
    "http://exemplo.pt/" + "a-" * 100_000,
]


@pytest.mark.parametrize("url", GONE)
def test_pages_go_for_a_reason(url):
    assert why_not(url, packaged()) == GONE[url]


@pytest.mark.parametrize("url", STAYS, ids=lambda url: url[:40])
def test_pages_stay(url):
    assert why_not(url, packaged()) is None


def test_every_row_has_a_reason_and_stands_once():
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert all(row["reason"] for row in rows)
    assert {row["where"] for row in rows} == {
        "host",
        "suffix",
        "within",
        "word",
        "hint",
        "common",
        "allowed",
    }
    keys = [(row["kind"], row["where"], row["entry"]) for row in rows]
    assert len(keys) == len(set(keys))
    assert all(row["entry"].isascii() and row["entry"] == row["entry"].lower() for row in rows)
    whole = [row["entry"] for row in rows if row["where"] in ("word", "hint", "common")]
    assert [entry for entry in whole if not entry.isalnum()] == []


HOSTS = """# de um utilizador
exemplo.pt
*.sub.exemplo.com   # tudo
0.0.0.0 anuncios.example www.anuncios.example
127.0.0.1 localhost
||bloqueado.example^
! nota
.acentuação.pt

"""


@pytest.mark.parametrize("packed", [False, True])
def test_hosts_of_a_user_are_read(tmp_path, packed):
    path = tmp_path / "hosts"
    path.write_bytes(gzip.compress(HOSTS.encode()) if packed else HOSTS.encode())
    assert read_hosts(path) == {
        "exemplo.pt", "sub.exemplo.com", "anuncios.example", "www.anuncios.example", "bloqueado.example",
        "xn--acentuao-xza3b.pt",
    }  # fmt: skip


def test_a_list_holds_for_hosts_below(tmp_path):
    (tmp_path / "hosts").write_text("exemplo.pt\n")
    lists = with_hosts(packaged(), regulator=read_hosts(tmp_path / "hosts"))
    assert why_not("http://exemplo.pt/", lists) == "address_in_regulator"
    assert why_not("http://a.b.exemplo.pt:80/x", lists) == "address_in_regulator"
    assert why_not("http://outroexemplo.pt/", lists) is None
    (tmp_path / "hosts").write_text("www.acentuação.pt\n")
    other = with_hosts(lists, accents=read_hosts(tmp_path / "hosts"))
    assert why_not("http://www.Acentuação.pt/x", other) == "address_in_accents"
    assert why_not("http://www.xn--acentuao-xza3b.pt/x", other) == "address_in_accents"
    assert why_not("http://exemplo.pt.outro.com/", lists) is None


@pytest.mark.parametrize(
    "content", [b"exemplo.pt\nisto nao e/um host\n", b"\x1f\x8bno", b"\xff\xfe"]
)
def test_a_damaged_list_is_refused(tmp_path, content):
    (tmp_path / "hosts").write_bytes(content)
    with pytest.raises(RecordError, match="hosts") as caught:
        read_hosts(tmp_path / "hosts")
    assert caught.value.reason == "host_list_unreadable"


def test_a_missing_list_is_refused(tmp_path):
    with pytest.raises(RecordError, match="none"):
        read_hosts(tmp_path / "none")
