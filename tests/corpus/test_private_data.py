"""Personal data in documents: what is taken out, what is left, and who may have it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from amalia.corpus.private_data import PrivateData, Seal, masked, new_key
from amalia.errors import ArtifactError, RecordError

KINDS = PrivateData().kinds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Contribuinte 241592062, obrigado.", "Contribuinte [NIF removido], obrigado."),
        ("Contribuinte 241592063, obrigado.", "Contribuinte 241592063, obrigado."),
        (
            "Escreva a ana@exemplo.pt ou ligue 912 345 678.",
            "Escreva a [CORREIO ELETRÓNICO removido] ou ligue [TELEFONE removido].",
        ),
        ("Ligação de 193.136.2.10 às 10h.", "Ligação de [ENDEREÇO IP removido] às 10h."),
        ("Ligação de 2001:690:2080::1.", "Ligação de [ENDEREÇO IP removido]."),
        ("O servidor 192.168.1.1 é o da casa.", "O servidor 192.168.1.1 é o da casa."),
        ("Instale a versão 8.8.4.4 do programa.", "Instale a versão 8.8.4.4 do programa."),
        ("Às 10:20:30 de 2020, 999.1.1.1.", "Às 10:20:30 de 2020, 999.1.1.1."),
        ("Rua do Ouro 3, 1100-060 Lisboa", "Rua do Ouro 3, 1100-060 Lisboa"),
        ("Nada aqui é de ninguém.", "Nada aqui é de ninguém."),
    ],
)
def test_what_is_somebodys_is_taken_out(text: str, told: str) -> None:
    assert masked(text, KINDS).text == told


def test_kinds_are_counted_and_values_stand_in_order() -> None:
    found = masked("NIF 241592062 e ana@exemplo.pt, NIF 241592062", KINDS)
    assert found.counts == {"email": 1, "nif": 2}
    assert found.values == (
        ("nif", "241592062"), ("email", "ana@exemplo.pt"), ("nif", "241592062")
    )  # fmt: skip
    assert masked("NIF 241592062", ["email"]).text == "NIF 241592062"


def test_only_the_key_opens_the_seal_and_only_of_its_document(tmp_path: Path) -> None:
    new_key(tmp_path / "chave")
    new_key(tmp_path / "outra")
    assert (tmp_path / "chave").stat().st_mode & 0o777 == 0o600
    seal, other = Seal.load(tmp_path / "chave"), Seal.load(tmp_path / "outra")
    values = (("nif", "241592062"), ("email", "joão@exemplo.pt"))
    closed = seal.sealed("d1", values)
    assert closed == seal.sealed("d1", values)
    assert "241592062" not in closed
    assert seal.opened("d1", closed) == values
    with pytest.raises(RecordError, match="does not open"):
        other.opened("d1", closed)
    with pytest.raises(RecordError, match="does not open"):
        seal.opened("d2", closed)
    with pytest.raises(ArtifactError, match="there already"):
        new_key(tmp_path / "chave")
    (tmp_path / "nada").write_bytes(b"isto")
    for name, told in (("nada", "is none"), ("falta", "cannot be read")):
        with pytest.raises(ArtifactError, match=told):
            Seal.load(tmp_path / name)
