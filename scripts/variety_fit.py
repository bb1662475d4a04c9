"""Fitting the two linear models of ``amalia.variety``.

The variety model learns from pairs: both that the Portuguese text of a pair scores higher than the
Brazilian one, and on which side of nought each of them lies. What a pair shares is no sign of
anything and is held near nought. A feature on whose direction the domains disagree is trusted less:
it is some translator's habit and not a country's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, diags, vstack
from variety_pairs import Corpus, Pair

from amalia.variety.features import TABLE_SIZE, encode, features
from amalia.variety.text import join_readable

Weights = NDArray[np.float64]
_RIDGE = 20.0
_OTHER_RIDGE = 0.5
_WHOLE = 0.5
_SHARED = 0.02
_MADE_WEIGHT = 3.0
# Prose is what a model is for and software is what there is: a register counts as much as eight domains.
_REGISTER_WEIGHT = 8.0
_MIN_DOMAINS = 2
_MIN_PAIRS = 4
_STEPS = 150


def matrix(texts: Sequence[str]) -> csr_matrix:
    """Count the features of texts: shape (number of texts, ``TABLE_SIZE``)."""
    owners, rows = [], []
    for left in range(0, len(texts), 512):
        encoded = encode(*join_readable(texts[left : left + 512]))
        owner = np.searchsorted(encoded.starts, np.arange(len(encoded.codes)), side="right") - 1
        for places, found in features(encoded):
            owners.append((owner[places] + left).astype(np.int32))
            rows.append(found.astype(np.int32))
    where = (np.concatenate(owners), np.concatenate(rows))
    counts = np.ones(len(where[0]), np.float32)
    return csr_matrix((counts, where), shape=(len(texts), TABLE_SIZE))


@dataclass(frozen=True, slots=True)
class Side:
    """Pairs as two matrices of the same shape."""

    ours: csr_matrix
    theirs: csr_matrix

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Side:
        """Count the features of both sides."""
        return cls(matrix([a for a, _ in pairs]), matrix([b for _, b in pairs]))

    def __len__(self) -> int:
        """Count the pairs."""
        return int(self.ours.shape[0])

    def differing(self) -> NDArray[np.int64]:
        """Count for each feature the pairs whose sides differ in it."""
        difference = (self.ours - self.theirs).tocsr()
        difference.eliminate_zeros()
        return np.bincount(difference.indices, minlength=TABLE_SIZE)

    def leaning(self) -> NDArray[np.float64]:
        """Give for each feature how clearly it is on one side, between -1 and 1."""
        ours, theirs = (np.asarray(m.sum(axis=0)).ravel() for m in (self.ours, self.theirs))
        return np.tanh((ours - theirs) / np.sqrt(ours + theirs + 1))


@dataclass(frozen=True, slots=True)
class Counted:
    """A corpus as matrices."""

    translated: Mapping[str, Side]
    respelt: Mapping[str, Side]
    registers: Mapping[str, Side]
    careless: Mapping[str, Side]
    made: Mapping[str, Side]

    @classmethod
    def of(cls, corpus: Corpus) -> Counted:
        """Count every pair."""
        parts = (
            corpus.translated,
            corpus.respelt,
            corpus.registers,
            corpus.careless,
            corpus.made,
        )
        return cls(*({name: Side.of(pairs) for name, pairs in part.items()} for part in parts))

    def without(self, names: Collection[str]) -> Counted:
        """Leave domains and registers out."""
        parts = (self.translated, self.respelt, self.registers, self.careless)
        kept = ({name: side for name, side in part.items() if name not in names} for part in parts)
        return Counted(*kept, self.made)


def fit_variety(counted: Counted, left_out: Collection[str] = ()) -> NDArray[np.float32]:
    """Fit the variety model on all domains and registers but some; gives the whole table."""
    learnt = counted.without(left_out)
    columns, trust = _trusted(learnt)
    ours, theirs, weight = _stacked(learnt, columns, trust)
    shared = ours.minimum(theirs).tocsr()
    own = vstack([ours - shared, shared - theirs]).tocsr()
    whole = vstack([ours, -theirs]).tocsr()
    own_t, whole_t, shared_t = (m.T.tocsr() for m in (own, whole, shared))
    twice = np.concatenate([weight, weight])

    def loss(w: Weights) -> tuple[float, Weights]:
        small = w.astype(np.float32)  # or the matrices would be copied in double at every product
        a, b, c = own @ small, whole @ small, shared @ small
        value = (twice * np.logaddexp(0, -a)).sum() + _WHOLE * (twice * np.logaddexp(0, -b)).sum()
        value += _SHARED * (weight * c * c).sum() + 0.5 * _RIDGE * (w @ w)
        slope = -(own_t @ (twice * _sigmoid(-a))) - _WHOLE * (whole_t @ (twice * _sigmoid(-b)))
        return value, slope + 2 * _SHARED * (shared_t @ (weight * c)) + _RIDGE * w

    return _table(columns, _lowest(loss, len(columns)) * trust)


def fit_other(
    portuguese: Sequence[str], foreign: Mapping[str, Sequence[str]]
) -> NDArray[np.float32]:
    """Fit the model of other languages; each of them counts as much as the next."""
    texts = [text for said in foreign.values() for text in said]
    x = vstack([matrix(texts), matrix(portuguese)]).tocsr()
    sign = np.concatenate([np.ones(len(texts)), -np.ones(len(portuguese))])
    each = [np.full(len(said), 1 / max(len(said), 500)) for said in foreign.values()]
    weight = np.concatenate([*each, np.full(len(portuguese), len(foreign) / len(portuguese))])
    weight *= len(weight) / weight.sum()
    columns = np.flatnonzero(np.bincount(x.indices, minlength=TABLE_SIZE) >= 6)
    x = x[:, columns].tocsr()
    x_t = x.T.tocsr()

    def loss(w: Weights) -> tuple[float, Weights]:
        z = sign * (x @ w)
        value = (weight * np.logaddexp(0, -z)).sum() + 0.5 * _OTHER_RIDGE * (w @ w)
        return value, -(x_t @ (weight * sign * _sigmoid(-z))) + _OTHER_RIDGE * w

    return _table(columns, _lowest(loss, len(columns)))


def _trusted(learnt: Counted) -> tuple[NDArray[np.int64], Weights]:
    """Choose features and say how far each is to be trusted (its scale: the larger, the freer)."""
    said = [*learnt.translated.values(), *learnt.registers.values()]
    counts = [side.differing() for side in said]
    in_domains = sum((count > 0).astype(np.int64) for count in counts)
    chosen = (in_domains >= _MIN_DOMAINS) & (sum(counts) >= _MIN_PAIRS)
    leaning = np.stack([side.leaning() for side in said])
    agreement = np.abs(leaning.sum(0)) / np.sqrt((leaning**2).sum(0) + 0.5) / 2
    for name, side in learnt.made.items():
        chosen |= side.differing() >= (2 if name == "grammar" else 1)
        agreement = np.maximum(agreement, np.abs(side.leaning()))
    columns = np.flatnonzero(chosen)
    return columns, np.maximum(agreement[columns], 0.05)


def _stacked(
    learnt: Counted, columns: NDArray[np.int64], trust: Weights
) -> tuple[csr_matrix, csr_matrix, Weights]:
    """Put all pairs into two matrices; large domains count less a pair than small ones."""
    parts: list[tuple[Side, float]] = []
    sizes = [len(side) for side in learnt.translated.values()]
    mean = sum(n**0.5 for n in sizes) / sum(sizes)
    for domain, side in learnt.translated.items():
        weight = len(side) ** -0.5 / mean
        if domain in learnt.respelt:
            weight /= 2
            parts.append((learnt.respelt[domain], weight))
        parts.append((side, weight))
    for register, side in learnt.registers.items():
        weight = _REGISTER_WEIGHT * len(side) ** -0.5 / mean
        parts += [(side, weight), (learnt.careless[register], weight / 8)]
    parts += [(side, _MADE_WEIGHT) for side in learnt.made.values()]
    scale = diags(trust.astype(np.float32))
    ours = vstack([side.ours[:, columns] for side, _ in parts]) @ scale
    theirs = vstack([side.theirs[:, columns] for side, _ in parts]) @ scale
    weights = np.concatenate([np.full(len(side), w, np.float32) for side, w in parts])
    return ours.tocsr(), theirs.tocsr(), weights


def _lowest(loss: Callable[[Weights], tuple[float, Weights]], num_weights: int) -> Weights:
    start = np.zeros(num_weights)
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x


def _table(columns: NDArray[np.int64], weights: Weights) -> NDArray[np.float32]:
    table = np.zeros(TABLE_SIZE, np.float32)
    table[columns] = weights
    return table


def _sigmoid(z: Weights) -> Weights:
    return 1 / (1 + np.exp(-np.clip(z, -30, 30)))
