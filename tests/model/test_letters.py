"""Reading letters off patches: columns from left to right, letters once, blanks between twins."""

from __future__ import annotations

import torch

from amalia.model.letters import LetterReader, spelled, targets


def test_a_column_is_read_from_its_own_patches_only() -> None:
    torch.manual_seed(0)
    reader = LetterReader("ab", patches_per_side=3, hidden=4)
    patches = torch.randn(1, 9, 4)
    changed = patches.clone()
    changed[0, [2, 5, 8]] = torch.randn(3, 4)  # the right column of a 3 x 3 tile, row by row
    before, after = reader(patches), reader(changed)
    assert before.shape == (1, 6, 3)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])
    torch.testing.assert_close(before.exp().sum(-1), torch.ones(1, 6))


def test_texts_are_spelled_in_known_letters_or_not_at_all() -> None:
    assert spelled("baç", "abç") == [2, 1, 3]
    assert spelled("bad", "abç") is None
    assert spelled("", "abç") is None
    joined, lengths = targets([[2, 1, 3], [1]])
    assert joined.tolist() == [2, 1, 3, 1]
    assert lengths.tolist() == [3, 1]
