"""A classifier of transformers, with random weights made here: labels, long texts, what is refused."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from amalia.errors import ArtifactError, TaskError
from amalia.evaluate.classifier import Classifier
from amalia.evaluate.tasks import p3b3

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "o", "autocarro", "ônibus", "parou", "ali"]
MAX_TOKENS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("classifier")
    inner = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, "[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=MAX_TOKENS,
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(path)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
        id2label={0: "PT-BR", 1: "PT-PT"},
        label2id={"PT-BR": 0, "PT-PT": 1},
    )
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
    model.save_pretrained(path)
    return path


def test_the_probabilities_of_both_labels_are_one(folder) -> None:
    texts = ["o autocarro parou ali", "o ônibus parou"]
    european = Classifier.load(folder, european="PT-PT")(texts)
    brazilian = Classifier.load(folder, european="PT-BR")(texts)
    assert all(0 < value < 1 for value in european)
    assert [one + other for one, other in zip(european, brazilian, strict=True)] == pytest.approx(
        [1, 1]
    )
    assert european[0] != pytest.approx(european[1])


def test_padding_changes_nothing(folder) -> None:
    classify = Classifier.load(folder, european="PT-PT")
    together = classify(["o autocarro", "o ônibus parou ali ali ali", ""])
    alone = [classify([text])[0] for text in ("o autocarro", "o ônibus parou ali ali ali", "")]
    assert together == pytest.approx(alone, abs=1e-6)


def test_a_long_text_is_the_mean_of_equal_pieces(folder) -> None:
    classify = Classifier.load(folder, european="PT-PT")
    words = (
        "o autocarro parou ali o ônibus parou " * 2
    ).split()  # 14 words, 10 fit beside [CLS] and [SEP]
    halves = classify([" ".join(words[:7]), " ".join(words[7:])])
    assert classify([" ".join(words)]) == pytest.approx([sum(halves) / 2], abs=1e-6)


def test_what_is_no_classifier_is_refused(folder, tmp_path) -> None:
    with pytest.raises(TaskError, match="has the labels PT-BR, PT-PT; expected 'EU' among"):
        Classifier.load(folder, european="EU")
    with pytest.raises(ArtifactError, match="holds no model"):
        Classifier.load(tmp_path / "nada", european="PT-PT")
    (tmp_path / "config.json").write_text("{}", "utf-8")
    with pytest.raises(ArtifactError, match="cannot be read"):
        Classifier.load(tmp_path, european="PT-PT")


def test_a_task_can_be_made_of_it(folder, make_row) -> None:
    task = p3b3.classified("p3b3_outro", Classifier.load(folder, european="PT-PT"))
    score = task.score("o autocarro parou ali", make_row(task="p3b3_outro").record)
    assert score.readable
    assert 0 < score.value < 1
    assert task.metric_names == ("european",)
    assert not task.score(" ", make_row(task="p3b3_outro").record).readable
