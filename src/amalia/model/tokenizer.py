"""Train the tokenizer: byte-level BPE with the special tokens of EuroLLM plus ``<image>``.

Two choices are ours. Letters inside guillemets («…») are tokens of their own, because transcriptions
are written that way and a model can then spell a word it has never read (``docs/decisions``). Digits and
line breaks are also alone, so that numbers, boxes and turn headers cut the same way everywhere. There is
no normalizer: decoding gives back the exact text.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL_TOKENS = ("<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<image>")
IMAGE_TOKEN = "<image>"
END_OF_TURN = "<|im_end|>"
# A letter is spelled when a « stands at most 60 characters before it with no » or line break between.
_SPELLED = Regex(r"(?<=«[^»\n]{0,60})[^»\n]")


def train(texts: Iterable[str], *, vocab_size: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer.

    Args:
        texts: Training texts, any order.
        vocab_size: Size of the vocabulary, special tokens included.

    Returns:
        A tokenizer whose ``model_input_names`` are ``input_ids`` and ``attention_mask`` only, because
        ``generate`` refuses ``token_type_ids``.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_SPELLED, "isolated"),
            pre_tokenizers.Split("\n", "isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token=END_OF_TURN,
        pad_token="</s>",
        extra_special_tokens={"image_token": IMAGE_TOKEN},
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        model_max_length=1_000_000,
    )


def with_image_token(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """Give a tokenizer of a language model the token that stands for pictures, unless it has it."""
    if tokenizer.convert_tokens_to_ids(IMAGE_TOKEN) in (None, tokenizer.unk_token_id):
        tokenizer.add_special_tokens(
            {"additional_special_tokens": [IMAGE_TOKEN]}, replace_additional_special_tokens=False
        )
    return tokenizer
