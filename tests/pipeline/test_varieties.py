"""In which Portuguese a pipeline's texts are."""

from pathlib import Path

import make

from amalia import manifest as manifests
from amalia.pipeline.varieties import varieties

OURS = "O autocarro está a chegar à paragem."
THEIRS = "O ônibus está chegando ao ponto."


def test_answers_of_chats_are_counted_and_those_about_pictures_are_not(tmp_path: Path) -> None:
    chats = [
        make.conversation(("user", THEIRS), ("assistant", said), id=f"c{n}")
        for n, said in enumerate((OURS, OURS, THEIRS, "Sim."))
    ]
    make.write_artifact(tmp_path / "chats", "conversations", chats)
    seen = make.conversation(("user", make.picture(), "O que é?"), ("assistant", OURS))
    make.write_artifact(tmp_path / "pictures", "conversations", [seen])
    artifacts = [manifests.read(tmp_path / name) for name in ("chats", "pictures")]
    (row,) = varieties(artifacts, tmp_path, None)
    assert (row.name, row.num_texts, row.is_answers) == ("chats", 4, False)
    assert row.shares == {"pt-PT": 0.5, "pt-BR": 0.25, "undecided": 0.25}
