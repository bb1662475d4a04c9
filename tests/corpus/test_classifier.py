"""A tiny random classifier from a folder gives what the model itself says."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from amalia.corpus.classifier import Classifier
from amalia.errors import ArtifactError

TEXTS = ["O gato dorme.", "A câmara aprovou ontem o orçamento para o próximo ano. " * 30, "", "Olá"]


def saved(folder, tokenizer, num_labels):
    torch.manual_seed(num_labels)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        num_labels=num_labels,
        initializer_range=1.0,
    )
    if num_labels > 1:
        config.id2label = {number: f"q{number}" for number in range(num_labels)}
        config.label2id = {f"q{number}": number for number in range(num_labels)}
    model = BertForSequenceClassification(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def told(model, tokenizer, text):
    batch = tokenizer([text], truncation=True, max_length=64, padding=True, return_tensors="pt")
    with torch.inference_mode():
        logits = model(**batch).logits[0]
    return logits if len(logits) == 1 else logits.softmax(-1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory, tiny_tokenizer):
    root = tmp_path_factory.mktemp("classifiers")
    return {n: (root / str(n), saved(root / str(n), tiny_tokenizer, n)) for n in (1, 3)}


@pytest.mark.parametrize(("label", "place"), [(None, 2), ("q0", 0)])
def test_the_score_is_the_probability_of_a_label(folders, tiny_tokenizer, label, place):
    folder, model = folders[3]
    found = Classifier.load(str(folder), label=label, batch_size=2).scores(TEXTS)
    wanted = [float(told(model, tiny_tokenizer, text)[place]) for text in TEXTS if text]
    assert [found[0], found[1], found[3]] == pytest.approx(wanted, abs=1e-5)
    assert len(set(found)) > 1


def test_a_regression_says_its_number(folders, tiny_tokenizer):
    folder, model = folders[1]
    found = Classifier.load(str(folder)).scores(TEXTS[:2])
    assert found == pytest.approx(
        [float(told(model, tiny_tokenizer, text)[0]) for text in TEXTS[:2]], abs=1e-4
    )
    assert Classifier.load(str(folder)).scores([]) == []


@pytest.mark.parametrize(("num_labels", "known"), [(3, "q0, q1, q2"), (1, "regression")])
def test_an_unknown_label_is_refused(folders, num_labels, known):
    with pytest.raises(ArtifactError, match=known):
        Classifier.load(str(folders[num_labels][0]), label="good")


def test_a_missing_model_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="cannot load"):
        Classifier.load(str(tmp_path))
