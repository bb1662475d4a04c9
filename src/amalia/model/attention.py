"""Attention inside packed sequences: a document sees itself and nothing else.

A packed sequence is several documents one after the other, without padding. Every backend gives the same
numbers; which is fast depends on the machine:

- ``documents``: each long document alone, short ones of like length together. Work grows with the
  squares of the documents and not of the pack. For CPUs.
- ``block``: one mask over the whole pack. Works everywhere, and costs the square of the pack.
- ``varlen``: ``torch.nn.attention.varlen``, flash attention told where documents begin. For GPUs.

Without ``documents`` every backend is plain causal attention.

Shape suffixes: B sequences, H heads, K key-value heads, T tokens, D documents, G documents of a group,
L their padded length, E size of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from transformers import AttentionInterface, PreTrainedModel

from amalia.model.transfer import sent

Backend = Literal["documents", "block", "varlen"]

# Documents up to this length are computed in groups: alone, their products are too small to be worth a call.
GROUPED_TOKENS = 256
_SPARE = 1.3
_LENGTH_STEP = 16


@dataclass(frozen=True, slots=True)
class Group:
    """Documents of like length that are computed at once."""

    size: int
    length: int
    """Padded."""


@dataclass(frozen=True, slots=True)
class Documents:
    """Where the documents of one packed sequence lie."""

    lengths: tuple[int, ...]
    """Tokens of each, the longest first."""
    starts_D1: torch.Tensor
    """First token of each and the end of the last, int32 [D + 1]."""
    groups: tuple[Group, ...]
    """Of those with at most ``GROUPED_TOKENS`` tokens, which come last."""
    taken_GL: torch.Tensor
    """Token at each place of the groups, one group after the other, int64; padding repeats a last token."""
    real_T: torch.Tensor
    """Place among ``taken_GL`` of each token of the grouped documents, int64."""

    @property
    def num_alone(self) -> int:
        """Documents that are computed alone."""
        return len(self.lengths) - sum(group.size for group in self.groups)

    def to(self, device: torch.device | str) -> Documents:
        """Move every tensor."""
        return Documents(
            self.lengths,
            sent(self.starts_D1, device),
            self.groups,
            sent(self.taken_GL, device),
            sent(self.real_T, device),
        )


def documents_of(lengths: Sequence[int]) -> Documents:
    """Describe a packed sequence of documents.

    Args:
        lengths: Tokens of each document, in the order in which they lie, the longest first.

    Raises:
        ValueError: They are not sorted so, or one is empty.
    """
    if list(lengths) != sorted(lengths, reverse=True) or min(lengths, default=1) < 1:
        raise ValueError(f"documents of {list(lengths)} tokens; expected the longest first")
    starts = np.cumsum([0, *lengths])
    alone = sum(length > GROUPED_TOKENS for length in lengths)
    groups, taken, real = [], [], []
    first, base = alone, 0
    while first < len(lengths):
        padded = -(-lengths[first] // _LENGTH_STEP) * _LENGTH_STEP
        last = first
        while last < len(lengths) and padded <= lengths[last] * _SPARE + _LENGTH_STEP:
            places = np.minimum(np.arange(padded), lengths[last] - 1)
            taken.append(starts[last] + places)
            real.append(base + np.arange(lengths[last]))
            base += padded
            last += 1
        groups.append(Group(last - first, padded))
        first = last
    nothing = np.zeros(0, np.int64)
    return Documents(
        tuple(lengths),
        torch.from_numpy(starts.astype(np.int32)),
        tuple(groups),
        torch.from_numpy(np.concatenate([nothing, *taken])),
        torch.from_numpy(np.concatenate([nothing, *real])),
    )


def attend(model: PreTrainedModel, plain: str, packed: Backend | None = None) -> None:
    """Choose the attention of a model and of the models inside it, by their configurations.

    ``set_attn_implementation`` does the same and warns of every configuration whose model it does
    not find where it looks.

    Args:
        model: The model.
        plain: Transformers' own name, ``eager`` or ``sdpa``.
        packed: For the language model when it reads packed sequences; by default it is ``plain`` too.
    """
    if packed:
        function = {"documents": _by_documents, "block": _by_block, "varlen": _by_varlen}[packed]
        # Documents are others in every pack; a compiler that looked into them would compile every pack anew.
        AttentionInterface.register(_name(packed), torch.compiler.disable(function))
    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            reads = packed and module.config.model_type == "llama"
            module.config._attn_implementation = _name(packed) if packed and reads else plain


def _name(backend: Backend) -> str:
    return f"amalia_{backend}"


def _by_documents(
    _: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    documents: Documents | None = None,
    **__: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of transformers' signature over [B, H, T, E]; gives [B, T, H, E]."""
    if documents is None:
        return _unpacked(query, key, value, attention_mask, scaling)
    heads, kv_heads = query.shape[1], key.shape[1]
    whole = torch.cat([query[0], key[0], value[0]]).transpose(0, 1)
    parts, end = [], 0
    for length in documents.lengths[: documents.num_alone]:
        each = whole[end : end + length].transpose(0, 1)[None]
        alone = each.split([heads, kv_heads, kv_heads], 1)
        parts.append(_causal(alone[0], alone[1], alone[2], scaling).transpose(1, 2)[0])
        end += length
    if documents.groups:
        parts.append(_grouped(whole, (heads, kv_heads, kv_heads), documents, scaling))
        end += len(documents.real_T)
    # What lies behind the documents fills the sequence up to a round length; nothing reads it.
    parts.append(torch.zeros_like(whole[end:, :heads]))
    return torch.cat(parts)[None], None


def _grouped(
    whole: torch.Tensor, heads: tuple[int, int, int], documents: Documents, scaling: float
) -> torch.Tensor:
    """Compute the grouped documents: pad, attend, unpad."""
    padded = whole.index_select(0, documents.taken_GL)
    found, end = [], 0
    for group in documents.groups:
        places = group.size * group.length
        each = padded[end : end + places].unflatten(0, (group.size, group.length))
        query, key, value = each.transpose(1, 2).split(heads, 1)
        # A query never looks behind itself, so what pads a document needs no mask.
        seen = _masked(
            query, key, value, _hidden(group.length, query.dtype, str(query.device)), scaling
        )
        found.append(seen.transpose(1, 2).flatten(0, 1))
        end += places
    return torch.cat(found).index_select(0, documents.real_T)


def _by_block(
    _: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    documents: Documents | None = None,
    **__: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of transformers' signature with one mask over the whole pack."""
    if documents is None:
        return _unpacked(query, key, value, attention_mask, scaling)
    sees_TT = _block_mask(documents.lengths, query.shape[2], str(query.device))
    key, value = (_repeated(each, query.shape[1]) for each in (key, value))
    seen = F.scaled_dot_product_attention(query, key, value, attn_mask=sees_TT, scale=scaling)
    return seen.transpose(1, 2), None


def _by_varlen(
    _: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    documents: Documents | None = None,
    **__: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of transformers' signature by torch's variable-length flash attention."""
    if documents is None:
        return _unpacked(query, key, value, attention_mask, scaling)
    from torch.nn.attention.varlen import varlen_attn

    end = sum(documents.lengths)
    # Under autocast rotary positions, which are float32, leave queries and keys in float32; this takes none.
    query_THE, key_TKE, value_TKE = (
        part[0].transpose(0, 1)[:end].to(value.dtype) for part in (query, key, value)
    )
    seen = varlen_attn(
        query_THE,
        key_TKE,
        value_TKE,
        documents.starts_D1,
        documents.starts_D1,
        documents.lengths[0],
        documents.lengths[0],
        scale=scaling,
        window_size=(-1, 0),
        enable_gqa=key.shape[1] != query.shape[1],
    )
    assert isinstance(seen, torch.Tensor)  # a pair only if more was asked for
    return F.pad(seen, (0, 0, 0, 0, 0, query.shape[2] - end))[None], None


def _unpacked(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
) -> tuple[torch.Tensor, None]:
    """Causal attention, or attention by a mask [B, 1, T, T] that was given to the model."""
    if attention_mask is None:
        return _causal(query, key, value, scaling).transpose(1, 2), None
    return _masked(query, key, value, attention_mask, scaling).transpose(1, 2), None


def _causal(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float
) -> torch.Tensor:
    key, value = (_repeated(each, query.shape[1]) for each in (key, value))
    return F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling)


def _masked(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor,
    scaling: float,
) -> torch.Tensor:
    """Plain matrix products; on a CPU faster for short sequences than the fused ones, most of all backwards."""
    key, value = (_repeated(each, query.shape[1]) for each in (key, value))
    weights = torch.matmul(query, key.transpose(2, 3)) * scaling + mask
    shares = F.softmax(weights, dim=-1, dtype=torch.float32).to(query.dtype)
    return torch.matmul(shares, value)


def _repeated(kv: torch.Tensor, heads: int) -> torch.Tensor:
    """Give every head its key or value: [B, K, T, E] → [B, H, T, E]."""
    return kv if kv.shape[1] == heads else kv.repeat_interleave(heads // kv.shape[1], 1)


@lru_cache(maxsize=64)
def _hidden(length: int, dtype: torch.dtype, device: str) -> torch.Tensor:
    """Very negative where a token does not see another, 0 where it does, [L, L]."""
    hidden = torch.full((length, length), torch.finfo(dtype).min, dtype=dtype, device=device)
    return hidden.triu(1)


@lru_cache(maxsize=2)
def _block_mask(lengths: tuple[int, ...], length: int, device: str) -> torch.Tensor:
    """True where a token sees another, [T, T]; what fills the sequence sees itself."""
    which = np.repeat(np.arange(len(lengths) + 1), [*lengths, length - sum(lengths)])
    sees = (which[:, None] == which[None, :]) & np.tri(length, dtype=bool)
    return torch.from_numpy(sees).to(device)
