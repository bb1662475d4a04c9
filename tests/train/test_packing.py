"""Best fit under two budgets: everything once, nothing over, little room left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from amalia.train.packing import Budget, Size, best_fit, fill


def tokens(*counts: int) -> list[Size]:
    return [Size(count) for count in counts]


def test_items_go_where_least_room_is_left() -> None:
    assert best_fit(tokens(3, 7, 5, 4, 1), Budget(10)) == [[1, 0], [2, 3, 4]]


def test_tiles_are_a_budget_of_their_own() -> None:
    sizes = [Size(10, 5), Size(10, 4), Size(10, 3), Size(10, 2)]
    assert best_fit(sizes, Budget(100, 7)) == [[0, 3], [1, 2]]
    assert best_fit(sizes, Budget(100)) == [[0, 1, 2, 3]]


def test_what_has_waited_is_placed_before_all_others() -> None:
    assert best_fit(tokens(1, 9, 10), Budget(10), first=1)[0] == [0, 1]
    assert best_fit(tokens(2, 9, 8), Budget(10), first=1) == [[0, 2], [1]]


def test_a_pack_is_as_full_as_the_fuller_of_its_budgets() -> None:
    budget = Budget(100, 10)
    assert budget.share(Size(50, 2)) == 0.5
    assert budget.share(Size(50, 9)) == 0.9
    assert Budget(100).share(Size(50, 9)) == 0.5
    assert fill([Size(20, 3), Size(40, 3)], budget) == 0.6
    assert budget.holds(Size(100, 10))
    assert not budget.holds(Size(1, 11))
    assert not budget.holds(Size(101, 0))


@given(
    sizes=st.lists(
        st.tuples(st.integers(1, 100), st.integers(0, 12)).map(lambda pair: Size(*pair)),
        max_size=60,
    ),
    tiles=st.sampled_from([0, 12, 20]),
    first=st.integers(0, 5),
)
def test_packs_hold_everything_once_inside_their_budget(
    sizes: list[Size], tiles: int, first: int
) -> None:
    budget = Budget(100, tiles)
    packs = best_fit(sizes, budget, first=min(first, len(sizes)))
    assert sorted(item for pack in packs for item in pack) == list(range(len(sizes)))
    for pack in packs:
        assert fill([sizes[item] for item in pack], budget) <= 1
    # No two packs could have been one.
    if not tiles and not first:
        shares = [fill([sizes[item] for item in pack], budget) for pack in packs]
        assert all(a + b > 1 for n, a in enumerate(shares) for b in shares[:n])
