"""What of a question is its own, told by questions that share what questions share."""

import make

from amalia.evaluate.distinctive import Wanted, asked, wanted
from amalia.records import Sample

INSTRUCTION = "Responde apenas com a letra da opção correta."
SUBJECTS = (
    "o foral de Lisboa", "a muralha de Óbidos", "o aqueduto de Elvas", "a sé de Braga", "o farol de Aveiro",
    "a ponte de Amarante", "o castelo de Guimarães", "a torre de Belém", "o mosteiro de Tibães", "a capela de Tomar",
)  # fmt: skip


def sample(question: str, number: int = 0, *, picture: bool = False, **more: object) -> Sample:
    parts = (make.picture(noise=number), question) if picture else (question,)
    return make.sample(("user", *parts), id=f"s{number}", **more).record


def looked_for(samples: list[Sample], **more: float) -> list[Wanted]:
    bounds = {"min_words": 8, "min_rare_words": 3, "max_share": 0.02, **more}
    return wanted(samples, **bounds)  # type: ignore[arg-type]


def spelled(found: list[Wanted], position: int) -> list[str]:
    return [item.phrase.spelled for item in found if item.sample == position]


def test_options_and_paragraphs_are_told_apart() -> None:
    found = asked(
        sample(
            f"Lê o texto.\n\nQual é a capital?\nA. Lisboa\n(B) Porto\n**C**) Faro, no sul\n{INSTRUCTION}"
        )
    )
    assert found.options == ("Lisboa", "Porto", "Faro, no sul")
    assert found.texts[1] == f"Lê o texto.\n\nQual é a capital?\n{INSTRUCTION}"
    assert f"Qual é a capital?\n{INSTRUCTION}" in found.texts
    assert f"Qual é a capital?\n{INSTRUCTION}\nLisboa\nPorto\nFaro, no sul" in found.texts


def test_a_list_that_does_not_begin_with_a_is_no_options() -> None:
    assert asked(sample("Quem foi?\nD. João II\nE. Garcia")).options == ()
    assert asked(sample("Quem escreveu?\nA. Herculano")).texts == ("Quem escreveu?\nA. Herculano",)


def test_what_questions_begin_and_end_with_is_cut_off() -> None:
    questions = [
        "Quantos degraus tem a escadaria que sobe até à capela?",
        "Porque é que o pescador da esquerda segura uma rede rasgada?",
        "Que fruta está a vender a senhora de avental às riscas?",
        "Em que rua fica a farmácia que ainda tem a luz acesa?",
    ]
    samples = [
        sample(f"Observa bem a fotografia. {question}\n{INSTRUCTION}", n, picture=True)
        for n, question in enumerate(questions)
    ]
    found = looked_for(samples)
    assert [item.sample for item in found] == [0, 1, 2, 3]
    assert spelled(found, 1) == ["porque que pescador da esquerda segura uma rede rasgada"]
    assert all(found[1].phrase.telling)


def test_a_short_question_keeps_what_others_begin_with() -> None:
    samples = [
        sample(f"Diz em que século se construiu {subject}.\n{INSTRUCTION}", n)
        for n, subject in enumerate(SUBJECTS)
    ]
    found = looked_for(samples)
    assert spelled(found, 2) == ["diz em que século se construiu aqueduto de elvas"]
    assert found[2].phrase.telling == ()


def test_a_question_that_is_shared_is_not_looked_for() -> None:
    question = "O que é que se consegue ver com toda a clareza nesta imagem que aqui está?"
    assert looked_for([sample(question, n, picture=True) for n in range(5)]) == []
    alone = looked_for([sample(question, 0, picture=True)])
    assert [item.part for item in alone] == ["question"]


def test_words_that_fill_a_template_are_too_few_where_there_is_a_picture() -> None:
    samples = [
        sample(
            f"Nesta fotografia consegues encontrar {subject} em algum lado da paisagem?",
            n,
            picture=True,
        )
        for n, subject in enumerate(SUBJECTS)
    ]
    assert looked_for(samples) == []


def test_questions_of_a_cluster_share_their_text() -> None:
    text = "No dia da feira, a vila inteira acordava cedo e os carros de bois desciam a serra carregados de lenha."
    questions = ("O que faziam os carros de bois?", "Quando acordava a vila?", "De onde vinha a lenha?",
                 "Que vila era esta?", "O que se vendia na feira?")  # fmt: skip
    apart = [sample(f"{text}\n\n{question}", n) for n, question in enumerate(questions)]
    assert all("carregados" not in item.phrase.spelled for item in looked_for(apart))
    together = [
        sample(f"{text}\n\n{question}", n, cluster="feira") for n, question in enumerate(questions)
    ]
    others = [sample(f"{subject}?", n) for n, subject in enumerate(SUBJECTS, start=5)]
    found = looked_for([*together, *others])
    assert any("carregados de lenha" in one for one in spelled(found, 0))


def test_a_question_is_looked_for_without_its_options_too() -> None:
    stem = "Que navegador português dobrou pela primeira vez o cabo das Tormentas?"
    (whole, *others) = looked_for(
        [sample(f"{stem}\nA. Bartolomeu Dias\nB. Gil Eanes\nC. Diogo Cão, no regresso")]
    )
    assert whole.phrase.spelled.endswith(
        "tormentas bartolomeu dias gil eanes diogo cão no regresso"
    )
    assert [item.phrase.spelled.split()[-1] for item in others] == ["tormentas"]


def test_every_turn_is_looked_for() -> None:
    first = "Preciso de um plano de treino para correr a meia maratona do Porto em outubro."
    second = "E que pequeno-almoço devo tomar antes das corridas mais longas de domingo?"
    found = spelled(looked_for([sample(first, follow_ups=(second,))]), 0)
    assert [one.split()[0] for one in found] == ["preciso", "preciso", "que"]


def test_a_short_question_without_a_picture_is_looked_for_as_a_line() -> None:
    samples = [sample(f"Qual é o plural de pão?\n{INSTRUCTION}", 0)]
    samples += [sample(f"Qual é o plural de {name}?\n{INSTRUCTION}", n) for n, name in
                enumerate(("cão", "mão", "anel", "lápis"), start=1)]  # fmt: skip
    found = looked_for(samples)
    assert spelled(found, 0) == ["qual plural de pão"]
    assert found[0].phrase.telling == ()
    with_pictures = [sample(f"Que cor tem o {name}?", n, picture=True) for n, name in
                     enumerate(("gato", "autocarro", "comboio"))]  # fmt: skip
    assert looked_for(with_pictures) == []


def test_a_long_answer_is_looked_for_where_the_question_says_nothing() -> None:
    answers = [
        f"Um homem de chapéu atravessa devagar a praça molhada junto {where}" for where in SUBJECTS
    ]
    samples = [
        sample("Descreve a imagem.", n, picture=True, target=answer)
        for n, answer in enumerate(answers)
    ]
    assert looked_for(samples) == []
    samples[0] = sample("Descreve a imagem.", 0, picture=True, target=(
        "Três crianças descalças empurram um carrinho cheio de melancias pela areia."))  # fmt: skip
    (only,) = looked_for(samples)
    assert (only.sample, only.part) == (0, "answer")
    assert only.phrase.spelled.startswith("três crianças descalças")
