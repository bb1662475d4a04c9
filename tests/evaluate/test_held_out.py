"""What an index keeps of samples, and when an answer is the right one."""

import io

import make
import PIL.Image
import pytest
from pydantic import ValidationError

from amalia.errors import TaskError
from amalia.evaluate.held_out import ContaminationSettings, index
from amalia.records import Row, Sample

CAPITALS = "Qual é a capital de Portugal?\nA. Lisboa\nB. Porto\nC. Porto Santo"


@pytest.mark.parametrize(
    ("question", "target", "accepted", "answer", "is_right"),
    [
        ("Que animal é este?", "gato", (), "É um Gato, claro.", True),
        ("Que animal é este?", "gato", (), "É uma gatoca.", False),
        ("Que animal é este?", "gato", ("felino",), "um felino", True),
        ("Que animal é este?", "cão", (), "Um cao.", False),
        ("Quantos são?", "3", (), "São 3.", True),
        ("Quantos são?", "3", (), "São 13.", False),
        ("Escreve.", "", (), "Qualquer coisa.", False),
        (CAPITALS, "A", (), "A", True),
        (CAPITALS, "A", (), "A resposta é B.", False),
        (CAPITALS, "A", (), "É Lisboa.", True),
        (CAPITALS, "A", (), "Lisboa ou Porto?", False),
        (CAPITALS, "A", (), "A. Lisboa\nB. Porto\nC. Porto Santo", False),
        (CAPITALS, "B", (), "A. Lisboa\nB. Porto\nC. Porto Santo\nResposta: B", True),
        ("Certo ou errado?", "B", (), "Resposta: B", True),
    ],
)
def test_the_right_answer_is_known(
    question: str, target: str, accepted: tuple[str, ...], answer: str, is_right: bool
) -> None:
    row = make.sample(("user", question), target=target, accepted=accepted)
    (entry,) = index([row]).entries
    assert entry.is_answered(answer) is is_right


def drawn() -> bytes:
    return make.picture(40, 30, noise=7)


def states(*rows: Row[Sample]) -> list[str]:
    return [picture.state for picture in index(rows).pictures.values()]


def test_pictures_are_good_flat_or_unreadable() -> None:
    flat = make.picture(40, 30, "navy")
    good = make.sample(("user", drawn(), "O que é?"), id="s1")
    two = make.sample(("user", flat, drawn(), "O que é?"), id="s2")
    assert states(good, two) == ["good", "flat"]
    broken = make.broken(make.conversation(("user", drawn(), "O que é?"))).record
    lone = Row(make.sample(id="s3").record.model_copy(update={"prompt": broken}), {})
    assert states(lone) == ["unreadable"]


def test_a_picture_is_found_by_its_bytes_and_its_pixels() -> None:
    image = make.sample(("user", drawn(), "O que é?"))
    found = index([image])
    (digest,) = image.images
    assert [seen.is_exact for seen in found.same_bytes(digest)] == [True]
    assert found.same_bytes("0" * 64) == []
    (picture,) = found.pictures.values()
    assert picture.look is not None
    (same,) = found.same_picture(picture.pixels, picture.look)
    assert (same.digest, same.is_exact, same.similarity) == (digest, True, 1.0)
    (near,) = found.same_picture("0" * 64, picture.look)
    assert not near.is_exact
    assert near.similarity > 0.99


def test_a_flat_picture_is_not_found_by_its_bytes() -> None:
    image = make.sample(("user", make.picture(40, 30, "navy"), "O que é?"))
    (digest,) = image.images
    assert index([image]).same_bytes(digest) == []


def test_two_files_of_one_picture_are_two_pictures() -> None:
    buffer = io.BytesIO()
    PIL.Image.open(io.BytesIO(drawn())).save(buffer, "BMP")
    rows = [
        make.sample(("user", drawn(), "O que é?"), id="s1"),
        make.sample(("user", buffer.getvalue(), "O que é?"), id="s2"),
    ]
    found = index(rows)
    first, second = found.pictures.values()
    assert first.pixels == second.pixels
    assert first.look is not None
    assert len(found.same_picture(first.pixels, first.look)) == 2
    assert found.owners(second.digest) == [1]


def test_two_samples_of_a_task_with_one_id_are_refused() -> None:
    index([make.sample(id="s1", task="naming"), make.sample(id="s1", task="counting")])
    with pytest.raises(TaskError, match=r"two samples of the task 'naming' have the id 's1'"):
        index([make.sample(id="s1"), make.sample(id="s1")])


@pytest.mark.parametrize(
    "wrong", [{"min_share": 0.0}, {"max_share": 1.5}, {"max_hash_bits": 65}, {"min_word": 3}]
)
def test_settings_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        ContaminationSettings.model_validate(wrong)
