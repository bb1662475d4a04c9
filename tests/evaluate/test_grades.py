"""The specification of reading a judge: tables of replies in Portuguese."""

import pytest

from amalia.evaluate.grades import VarietyGrade, grade, preferred, variety_grade

GRADES = [
    ("Nota: 4", 4),
    ("Nota: 4.", 4),
    ("nota: 5", 5),
    ("**Nota:** 3", 3),
    ("**Nota: 3**", 3),
    ("Nota: **2**/5", 2),
    ("Nota: 4/5", 4),
    ("Nota: 4 em 5", 4),
    ("Nota: 4 (em 5)", 4),
    ("Nota: 4 valores em 5", 4),
    ("Nota: 4,0", 4),
    ("Nota: [4]", 4),
    ("Nota: quatro", 4),
    ("Nota: 4 – boa resposta", 4),
    ("Nota = 1", 1),
    ("A nota é 3.", 3),
    ("A minha nota para esta resposta é 3.", 3),
    ("A nota que atribuo é 2.", 2),
    ("Nota (de 1 a 5): 4", 4),
    ("Nota, numa escala de 1 a 5: 4", 4),
    ("Nota de 1 a 5: 4", 4),
    ("Nota final: 5", 5),
    ("Classificação final: **4**/5", 4),
    ("Classificação: Boa (4)", 4),
    ("Pontuação global: 1", 1),
    ("Pontuação atribuída: 2", 2),
    ("Avaliação final: 3 pontos", 3),
    ("Raciocínio: está tudo certo.\nNota: 5", 5),
    ("Raciocínio: a resposta tem 3 erros e 2 brasileirismos.\n\nNota: 2", 2),
    ("Precisão: 5\nLíngua: 3\nCompletude: 4\nNota: 4", 4),
    ("Precisão: 5/5. Língua: 3/5. Completude: 4/5.\nNota final: 4", 4),
    ("Nota: 3. Pensando melhor, o erro é grave.\nNota: 2", 2),
    ("Nota: 5 pelo rigor, mas a língua falha.\nNota final: 3", 3),
    ("A nota 5 seria excessiva. Nota: 4", 4),
    ("<think>Nota: 1? Não.</think>\nNota: 4", 4),
    ("Dou-lhe um 4.", 4),
    ("Dou 3 valores, porque falta o exemplo.", 3),
    ("Atribuo 2 pontos.", 2),
    ("A resposta merece um 5.", 5),
    ("Classifico a resposta com 3.", 3),
    ("Ficaria em 4/5.", 4),
    ("4/5", 4),
    ("Boa resposta, 4 em 5.", 4),
    ("4", 4),
    ("**4**", 4),
    ("Resposta correta e bem escrita.\n\n5", 5),
    ('{"raciocínio": "certo", "nota": 4}', 4),
    ('```json\n{"nota": "5"}\n```', 5),
    ('{"score": 3, "reasoning": "tem 2 erros"}', 3),
    ("{'nota': 4}", None),  # no JSON, and a number behind quotation marks is no statement
    ("Overall score: 4", 4),
    ("Rating: 2/5", 2),
    (r"Logo \boxed{3}", 3),
    ("Nota: 6", None),
    ("Nota: 0", None),
    ("Nota: -1", None),
    ("Nota: 8/10", None),
    ("Nota: 80 %", None),
    ("Nota: 4,5", None),
    ("Nota: 3.5", None),
    ("Nota: 3 ou 4", None),
    ("Nota: 3-4", None),
    ("Nota: entre 3 e 4", None),
    ("Nota: <1 a 5>", None),
    ("Nota: 1-5", None),
    ("Nota:", None),
    ("Nota: não atribuo.", None),
    ("Daria 3 pela língua e daria 5 pelo rigor.", None),
    ("Dou 3. Ou melhor, dou 4.", None),
    ("4/5 em rigor e 2/5 em língua", None),
    ("Há 3 erros.", None),
    ("A resposta tem 4 exemplos e 2 erros.", None),
    ("Lamento, mas não posso avaliar.", None),
    ('{"nota": 7}', None),
    ('{"nota": null}', None),
    ('{"nota": true}', None),
    ("1. Rigor\n2. Língua\n3. Completude", None),
    ("Em 1986, Portugal entrou na CEE.", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), GRADES)
def test_grade(text: str, expected: int | None) -> None:
    assert grade(text, 1, 5) == expected


def test_a_grade_is_of_its_scale() -> None:
    assert grade("Nota: 8/10", 0, 10) == 8
    assert grade("Nota: 0", 0, 10) == 0
    assert grade("Nota (0 a 10): 10", 0, 10) == 10
    assert grade("Nota: 4/5", 0, 10) is None


VARIETIES = [
    (
        '{"reasoning": "tudo europeu", "score": 10, "not_pt": false, "invalid": false}',
        VarietyGrade(10, "tudo europeu", False, False),
    ),
    (
        '```json\n{"reasoning": "«ônibus»", "score": 0, "not_pt": false, "invalid": false}\n```',
        VarietyGrade(0, "«ônibus»", False, False),
    ),
    (
        'Aqui está:\n{"reasoning": "misto", "score": 5, "not_pt": false, "invalid": true}\nEspero ter ajudado.',
        VarietyGrade(5, "misto", False, True),
    ),
    (
        '{"reasoning": "em inglês", "score": 0, "not_pt": true, "invalid": false}',
        VarietyGrade(None, "em inglês", True, False),
    ),
    ('{"score": null, "not_pt": true}', VarietyGrade(None, "", True, False)),
    (
        "{'score': 7}",
        VarietyGrade(7, "", False, False),
    ),
    ('{"score": "8/10"}', VarietyGrade(8, "", False, False)),
    ('{"score": 8.0}', VarietyGrade(8, "", False, False)),
    ('{"score": 9, "not_pt": False, "invalid": True,}', VarietyGrade(9, "", False, True)),
    (
        '{"reasoning": "usa "te amo" no início", "score": 2, "not_pt": false, "invalid": false}',
        VarietyGrade(2, 'usa "te amo" no início', False, False),
    ),
    ("score: 6", VarietyGrade(6, "", False, False)),
    (
        '{"reasoning": "", "score": 3}\nCorrijo:\n{"reasoning": "", "score": 4}',
        VarietyGrade(4, "", False, False),
    ),
    ('<think>{"score": 1}</think>{"score": 9}', VarietyGrade(9, "", False, False)),
    ('{"score": 11}', None),
    ('{"score": 7.5}', None),
    ('{"score": "alto"}', None),
    ('{"reasoning": "sem nota"}', None),
    ('{"reasoning": "cortado a meio, "score": 4 ou "score": 5', None),
    ("É português europeu.", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), VARIETIES)
def test_variety_grade(text: str, expected: VarietyGrade | None) -> None:
    assert variety_grade(text) == expected


PREFERRED = [
    ("Escolha: 1", "first"),
    ("Escolha: 2", "second"),
    ("Escolha: empate", "tie"),
    ("**Escolha:** 2", "second"),
    ("A segunda tem um erro de concordância.\nEscolha: 1", "first"),
    ("Escolha: a primeira", "first"),
    ("Escolha final: resposta 2", "second"),
    ("Escolho a segunda.", "second"),
    ("Prefiro a primeira, por ser mais clara.", "first"),
    ("A melhor é a segunda.", "second"),
    ("Melhor resposta: 1", "first"),
    ("A primeira é melhor.", "first"),
    ("A resposta 2 é claramente superior.", "second"),
    ("A primeira é correta, mas a segunda é mais completa.", "second"),
    ("As duas são equivalentes.", "tie"),
    ("Valem o mesmo.", "tie"),
    ("Há um empate.", "tie"),
    ("1", "first"),
    ("Segunda.", "second"),
    ("Empate", "tie"),
    ("Escolha: 1. Mudei de ideias. Escolha: 2", "second"),
    ("Winner: 1", "first"),
    ("A primeira não é melhor.", None),
    ("A primeira é melhor. A segunda é melhor.", None),
    ("Escolha: 1 ou 2", None),
    ("Ambas têm qualidades.", None),
    ("Não sei.", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), PREFERRED)
def test_preferred(text: str, expected: str | None) -> None:
    assert preferred(text) == expected
