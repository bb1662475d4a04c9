"""Losses against plain torch and against numbers worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import make
import pytest
import torch
import torch.nn.functional as F
from transformers import PreTrainedTokenizerFast

from amalia.model import attention, build, export
from amalia.model.fork import ForkBatch, collate_forks, fork_of
from amalia.model.packed import Pack, pack
from amalia.model.render import Batch, Renderer, collate
from amalia.train import head, objectives
from amalia.train.objectives import (
    Written,
    answer_log_probs,
    dpo_loss,
    next_token,
    preference,
    sigmoid_contrast,
    transcription,
)

ROWS = [
    make.conversation(
        ("user", make.picture(40, 16, noise=1), "Que é isto?"), ("assistant", "É um gato.")
    ),
    make.conversation(
        ("user", "Olá."),
        ("assistant", "Olá!"),
        ("user", "Adeus."),
        ("assistant", "Até logo, então!"),
    ),
    make.conversation(
        ("system", "Sê breve."), ("user", make.picture(9, 30, noise=2)), ("assistant", "")
    ),
]


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    loaded = export.load(tiny_model)
    attention.attend(loaded, "sdpa", "documents")
    return loaded


@pytest.fixture(scope="module")
def plain(tiny_model: Path) -> Any:
    """The same model with transformers' own attention, for padded batches."""
    return export.load(tiny_model)


@pytest.fixture(scope="module")
def batch(tiny_model: Path) -> Batch:
    renderer = Renderer.load(tiny_model)
    return collate([renderer.conversation(row) for row in ROWS], pad_id=renderer.pad_id)


@pytest.fixture(scope="module")
def packed(tiny_model: Path) -> Pack:
    renderer = Renderer.load(tiny_model)
    return pack([renderer.conversation(row) for row in ROWS], pad_id=renderer.pad_id)


def token_losses(model: Any, batch: Batch) -> torch.Tensor:
    """Cross-entropies [B, T - 1] by torch on full logits, 0 where nothing is supervised."""
    logits = model(**batch.model_inputs()).logits[:, :-1]
    targets = batch.input_ids_BT[:, 1:].masked_fill(~batch.supervised_BT[:, 1:], -100)
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return losses.reshape(targets.shape)


@pytest.mark.parametrize("chunk", [3, 2048])
def test_next_token_is_the_cross_entropy_of_supervised_tokens(
    model: Any, plain: Any, batch: Batch, packed: Pack, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(head.HEAD_CHUNK, "cpu", chunk)
    result = next_token(model, packed)
    expected = token_losses(plain, batch)
    torch.testing.assert_close(result.total, expected.sum())
    assert result.count == int(batch.supervised_BT.sum())
    # The tail of every sequence is padding or a line break; nothing supervised stands first.
    assert not batch.supervised_BT[:, 0].any()


def test_next_token_counts_the_tokens_it_had_right(
    model: Any, plain: Any, batch: Batch, packed: Pack
) -> None:
    logits = plain(**batch.model_inputs()).logits[:, :-1]
    right = (logits.argmax(-1) == batch.input_ids_BT[:, 1:]) & batch.supervised_BT[:, 1:]
    assert next_token(model, packed).metrics == {"token_accuracy": float(right.sum())}


def test_the_loss_of_every_source_is_told(
    model: Any, plain: Any, batch: Batch, packed: Pack
) -> None:
    by_row = token_losses(plain, batch).sum(1).tolist()
    counts = batch.supervised_BT.sum(1).tolist()
    groups = next_token(model, packed, ("fotos", "textos", "fotos")).groups
    assert groups == {
        "fotos": (pytest.approx(by_row[0] + by_row[2], rel=1e-5), counts[0] + counts[2]),
        "textos": (pytest.approx(by_row[1], rel=1e-5), counts[1]),
    }


def test_the_first_token_of_plain_text_has_nothing_to_be_predicted_from(
    model: Any, plain: Any, tiny_model: Path
) -> None:
    renderer = Renderer.load(tiny_model)
    texts = [renderer.text("O gato dorme."), renderer.text("Chove.")]
    result = next_token(model, pack(texts, pad_id=renderer.pad_id))
    assert result.count == sum(len(text.ids) - 1 for text in texts)
    padded = collate(texts, pad_id=renderer.pad_id)
    torch.testing.assert_close(result.total, token_losses(plain, padded).sum())


def test_dpo_at_equal_policies_is_exactly_log_2() -> None:
    chosen, rejected = torch.tensor([-3.5, -120.25, 0.0]), torch.tensor([-7.125, -1.5, -1000.0])
    for beta in (0.01, 0.1, 5.0):
        losses, margins = dpo_loss(chosen, rejected, chosen, rejected, beta=beta)
        assert losses.tolist() == [float(torch.tensor(math.log(2)))] * 3
        assert margins.tolist() == [0.0] * 3


def test_dpo_is_equation_7() -> None:
    values = [torch.tensor([value]) for value in (-2.0, -5.0, -3.0, -4.0)]
    losses, margins = dpo_loss(*values, beta=0.5)
    # 0.5 × ((-2 + 3) - (-5 + 4)) = 1
    assert margins.item() == 1.0
    assert losses.item() == pytest.approx(math.log(1 + math.exp(-1)))


# margin m = 1, difference of log-ratios 2; s(x) = ln(1 + e^-x): s(1) = 0.3133, s(-1) = 1.3133
LOSSES = [
    ("sigmoid", 0.0, 0.3133),
    ("sigmoid", 0.1, 0.9 * 0.3133 + 0.1 * 1.3133),
    ("robust", 0.1, (0.9 * 0.3133 - 0.1 * 1.3133) / 0.8),
    ("ipo", 0.0, (2 - 1 / (2 * 0.5)) ** 2),
]


@pytest.mark.parametrize(("kind", "smoothing", "expected"), LOSSES)
def test_losses_of_preference_by_hand(kind: Any, smoothing: float, expected: float) -> None:
    values = [torch.tensor([value]) for value in (-2.0, -5.0, -3.0, -4.0)]
    losses, margins = dpo_loss(*values, beta=0.5, kind=kind, label_smoothing=smoothing)
    assert margins.item() == 1.0
    assert losses.item() == pytest.approx(expected, abs=1e-4)


def test_dpo_pushes_the_chosen_up_and_the_rejected_down() -> None:
    chosen = torch.tensor([-3.0], requires_grad=True)
    rejected = torch.tensor([-2.0], requires_grad=True)
    losses, _ = dpo_loss(chosen, rejected, torch.tensor([-3.0]), torch.tensor([-2.0]), beta=0.1)
    losses.sum().backward()
    # At equal policies the slope is beta / 2.
    torch.testing.assert_close(chosen.grad, torch.tensor([-0.05]))
    torch.testing.assert_close(rejected.grad, torch.tensor([0.05]))


PAIRS = [
    make.preference(
        ("user", make.picture(40, 16), "O que vês?"),
        chosen="Um autocarro.",
        rejected="Um ônibus azul.",
    ),
    make.preference(chosen="Está a chover muito.", rejected="Não."),
]


@pytest.fixture(scope="module")
def pairs(tiny_model: Path) -> ForkBatch:
    renderer = Renderer.load(tiny_model)
    forks = [fork_of(renderer, row) for row in PAIRS]
    return collate_forks(forks, pad_id=renderer.pad_id, multiple=8)


def test_what_fills_a_pair_sees_itself(pairs: ForkBatch) -> None:
    sees = pairs.attention_mask_B1TT == 0
    assert bool(sees.any(-1).all())


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("chunk", [3, 2048])
def test_a_prompt_computed_once_gives_what_two_passes_give(
    tiny_model: Path,
    pairs: ForkBatch,
    chunk: int,
    attention: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(head.HEAD_CHUNK, "cpu", chunk)
    renderer = Renderer.load(tiny_model)
    answers = [renderer.answers(row) for row in PAIRS]
    both = [pair[0] for pair in answers] + [pair[1] for pair in answers]
    twice = collate(both, pad_id=renderer.pad_id)
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0])

    def apart(model: Any) -> torch.Tensor:
        return -token_losses(model, twice).sum(1)

    def forked(model: Any) -> torch.Tensor:
        return answer_log_probs(model, pairs)[0]

    found = []
    for compute in (apart, forked):
        model: Any = export.load(tiny_model)
        model.set_attn_implementation(attention)
        sums = compute(model)
        (sums * weights).sum().backward()
        gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        found.append((sums.detach(), gradients))
    (sums, gradients), (other_sums, other_gradients) = found
    torch.testing.assert_close(other_sums, sums)
    assert set(other_gradients) == set(gradients)
    for name, gradient in gradients.items():
        torch.testing.assert_close(other_gradients[name], gradient, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_preferences_under_autocast_have_finite_gradients(
    tiny_model: Path, pairs: ForkBatch, attention: str
) -> None:
    # A mask in bfloat16 must not be -inf: padding would see nothing and be no number.
    assert pairs.attention_mask_B1TT.bfloat16().isfinite().all()
    model: Any = export.load(tiny_model)
    model.set_attn_implementation(attention)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        answer_log_probs(model, pairs)[0].sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_answers_are_counted_in_tokens(model: Any, tiny_model: Path, pairs: ForkBatch) -> None:
    renderer = Renderer.load(tiny_model)
    texts = [row.record.chosen.text for row in PAIRS] + [row.record.rejected.text for row in PAIRS]
    _, counts = answer_log_probs(model, pairs)
    assert counts.tolist() == [len(renderer.answer(text)) for text in texts]


def test_a_preference_at_its_own_reference_is_log_2(model: Any, pairs: ForkBatch) -> None:
    with torch.no_grad():
        chosen, rejected = answer_log_probs(model, pairs)[0].chunk(2)
    result = preference(model, pairs, (chosen, rejected), beta=0.1, chosen_weight=0.0)
    assert result.count == 2
    assert result.total.item() == pytest.approx(2 * math.log(2), rel=1e-6)
    assert result.metrics["reward_margin"] == pytest.approx(0, abs=1e-5)
    assert result.metrics["chosen_log_prob"] == pytest.approx(float(chosen.sum()))
    assert result.metrics["rejected_log_prob"] == pytest.approx(float(rejected.sum()))


def test_chosen_weight_adds_the_mean_loss_of_a_chosen_token(model: Any, pairs: ForkBatch) -> None:
    reference = (torch.tensor([-10.0, -20.0]), torch.tensor([-11.0, -5.0]))
    plain = preference(model, pairs, reference, beta=0.1, chosen_weight=0.0)
    kept = preference(model, pairs, reference, beta=0.1, chosen_weight=0.5)
    sums, counts = answer_log_probs(model, pairs)
    extra = 0.5 * (-sums[:2] / counts[:2]).sum()
    torch.testing.assert_close(kept.total - plain.total, extra, rtol=1e-4, atol=1e-4)
    assert kept.metrics["dpo_loss"] == plain.metrics["dpo_loss"]


def test_answers_can_be_compared_a_token(model: Any, pairs: ForkBatch) -> None:
    with torch.no_grad():
        sums, counts = answer_log_probs(model, pairs)
    reference = (torch.tensor([-10.0, -20.0]), torch.tensor([-11.0, -5.0]))
    found = preference(model, pairs, reference, beta=0.1, length_normalized=True)
    drift = (sums - torch.cat(reference)) / counts
    margins = 0.1 * (drift[:2] - drift[2:])
    assert found.metrics["reward_margin"] == pytest.approx(float(margins.sum()), abs=1e-5)
    assert found.metrics["kl"] == pytest.approx(float(-drift.sum() / 2), abs=1e-4)


def test_a_step_of_dpo_widens_the_margin(tiny_model: Path, pairs: ForkBatch) -> None:
    model: Any = export.load(tiny_model)
    with torch.no_grad():
        sums, _ = answer_log_probs(model, pairs)
    reference = (sums[:2].clone(), sums[2:].clone())
    preference(model, pairs, reference, beta=0.1, chosen_weight=0.0).total.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter -= 1e-3 * parameter.grad
    after = preference(model, pairs, reference, beta=0.1, chosen_weight=0.0)
    assert after.metrics["reward_margin"] > 0
    assert after.metrics["reward_accuracy"] == 2
    assert after.total.item() < 2 * math.log(2)


def test_sigmoid_contrast_of_two_pictures_and_two_captions() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    # Equation 1: yes on the diagonal, no elsewhere; softplus(x) = ln(1 + e^x).
    expected = sum(math.log(1 + math.exp(x)) for x in (-2.0, -1.0, 0.5, -3.0))
    assert sigmoid_contrast(logits, torch.eye(2, dtype=torch.bool)).item() == pytest.approx(
        expected
    )


def test_contrast_is_summed_over_pairs_and_counted_by_picture(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    torch.manual_seed(0)
    pair = build.siglip_pair(make.TOWER, make.TEXT_TOWER, tiny_tokenizer)
    pixels = torch.randn(2, 3, 16, 16)
    words = tiny_tokenizer(
        ["um gato", "um cão grande", "nada"],
        padding="max_length",
        max_length=12,
        return_tensors="pt",
    )
    matches = torch.tensor([[True, False, False], [False, True, False]])
    mask = words["attention_mask"]
    result = objectives.contrast(pair, pixels, words["input_ids"], mask, matches)
    whole = pair(input_ids=words["input_ids"], attention_mask=mask, pixel_values=pixels)
    torch.testing.assert_close(result.total, sigmoid_contrast(whole.logits_per_image, matches))
    assert result.count == 2
    best = whole.logits_per_image.argmax(1).tolist()
    assert result.metrics["caption_accuracy"] == (best[0] == 0) + (best[1] == 1)


def test_transcription_sums_over_alignments() -> None:
    # Two guesses, blank at 0.5 and one letter at 0.5 each: "a" is written a-, -a or aa.
    half = torch.full((1, 2, 2), 0.5).log()
    written = Written(torch.tensor([0]), torch.tensor([1]), torch.tensor([1]))
    assert transcription(half, written).item() == pytest.approx(-math.log(0.75))
    # Of a text of two letters each counts half: "ab" can only be written one way here.
    third = torch.full((1, 2, 3), 1 / 3).log()
    written = Written(torch.tensor([0]), torch.tensor([1, 2]), torch.tensor([2]))
    assert transcription(third, written).item() == pytest.approx(math.log(9) / 2)


def test_reading_adds_to_the_contrast_only_where_there_is_writing(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    torch.manual_seed(0)
    pair = build.siglip_pair(make.TOWER, make.TEXT_TOWER, tiny_tokenizer, letters="ab")
    words = tiny_tokenizer(["«a»", "um gato"], padding=True, return_tensors="pt")
    pixels, ids, mask = torch.randn(2, 3, 16, 16), words["input_ids"], words["attention_mask"]
    matches = torch.eye(2, dtype=torch.bool)
    written = Written(torch.tensor([0]), torch.tensor([1]), torch.tensor([1]))
    plain = objectives.contrast(pair, pixels, ids, mask, matches)
    both = objectives.contrast(pair, pixels, ids, mask, matches, written)
    assert both.count == plain.count == 2
    added = float((both.total - plain.total).detach())
    assert added == pytest.approx(both.metrics["reading_loss"], rel=1e-4)
    assert added > 0
    both.total.backward()
    assert pair.letter_reader.readout.weight.grad.abs().sum() > 0
    assert set(build.parts(pair)) == {"vision", "captions", "temperature"}
    assert not any("letter" in name for name, _ in build.tower_of(pair).named_parameters())
