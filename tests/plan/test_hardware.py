"""What a stage is planned for."""

from __future__ import annotations

import pytest

from amalia.errors import RecipeError
from amalia.plan.hardware import GPUS, here, parsed


def test_a_cluster_is_a_number_and_a_gpu() -> None:
    cluster = parsed("64xH100")
    assert (cluster.number, cluster.each.name, cluster.name) == (64, "H100", "64xH100")
    assert cluster.each.peak_flops == 989.4e12


@pytest.mark.parametrize("text", ["H100", "0xH100", "8xB52", "8 x H100", "-1xH100", ""])
def test_what_is_no_cluster_is_told_with_the_names_there_are(text: str) -> None:
    with pytest.raises(RecipeError, match="one of H100, H100-64GB, H200, A100, A100-40GB"):
        parsed(text)


def test_every_gpu_is_known_by_its_own_name() -> None:
    assert all(parsed(f"4x{name}").each.name == name for name in GPUS)


def test_this_machine_is_one_of_its_kind_and_multiplies() -> None:
    found = here()
    assert found.number == 1
    assert found.each.peak_flops > 1e8
    assert found.each.is_attention_plain(64) == (found.each.kind == "cpu")
