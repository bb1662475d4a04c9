"""A tiny real model: order, padding, limits, stop strings, sampling, likelihoods, failures."""

from __future__ import annotations

import json
import math
import shutil
import threading
from pathlib import Path
from random import Random

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from amalia.device import Device  # noqa: E402
from amalia.errors import ArtifactError, GenerationError, RecordError  # noqa: E402
from amalia.inference import (  # noqa: E402
    Generate,
    Sampling,
    complete,
    complete_many,
    log_probs,
)
from amalia.inference.decoding import Drawing  # noqa: E402
from amalia.inference.identity import identity  # noqa: E402
from amalia.inference.local import Local  # noqa: E402
from amalia.model.render import collate  # noqa: E402

# float32, so that equal computations in other batches give equal answers.
DEVICE = Device("cpu", "float32", "tests compare numbers", "test", 1, 0)
QUESTIONS = [
    ("Olá", ()),
    ("Que cor é esta?", ("red",)),
    ("Quais são as cores das duas imagens?", ("green", "blue")),
    ("?", ("yellow",)),
    ("Explica o que é um comboio, em poucas palavras e com um exemplo.", ()),
]


@pytest.fixture(scope="module")
def local(seeing_model) -> Local:
    return Local.load(seeing_model, device=DEVICE, batch_size=2)


@pytest.fixture(scope="module")
def prompts(ask):
    return [ask(text, *colors, id=str(place)) for place, (text, colors) in enumerate(QUESTIONS)]


def test_it_is_a_model_named_by_its_folder_and_weights(local, seeing_model, tmp_path):
    generate: Generate = local
    folder, _, digest = generate.name.partition("@")
    assert folder == "seeing"
    assert len(digest) == 16
    other = tmp_path / "seeing"
    shutil.copytree(seeing_model, other)
    with (other / "model.safetensors").open("ab") as weights:
        weights.write(b" ")
    assert identity(other) != generate.name


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_answers_do_not_depend_on_their_batch_and_keep_their_order(
    local, seeing_model, prompts, temperature
):
    sampling = Sampling(max_new_tokens=12, temperature=temperature, seed=7)
    answers = list(complete_many(local, iter(prompts * 4), sampling))
    wide = Local.load(seeing_model, device=DEVICE, batch_size=32)
    assert list(complete_many(wide, prompts * 4, sampling)) == answers
    if temperature == 0:
        assert [complete(local, prompt, sampling) for prompt in prompts] == answers[:5]
        assert answers[5:10] == answers[:5]
    else:
        assert answers[5:10] != answers[:5]
    assert len({answer.text for answer in answers[:5]}) > 1


def test_greedy_answers_equal_a_plain_forward_loop(local, prompts):
    renderer, model = local._renderer, local._model
    for prompt in prompts:
        rendered = renderer.prompt(prompt)
        ids = list(rendered.ids)
        inputs = collate([rendered], pad_id=renderer.pad_id).model_inputs()
        for _ in range(6):
            inputs["input_ids"] = torch.tensor([ids])
            inputs["attention_mask"] = torch.ones(1, len(ids), dtype=torch.long)
            with torch.no_grad():
                logits = model(**inputs).logits[0, -1]
            logits[renderer.image_id] = -math.inf
            ids.append(int(logits.argmax()))
            if ids[-1] == renderer.end_id:
                break
        said = [id_ for id_ in ids[len(rendered.ids) :] if id_ != renderer.end_id]
        answer = complete(local, prompt, Sampling(max_new_tokens=6))
        assert answer.text == renderer.tokenizer.decode(said, skip_special_tokens=True)
        assert answer.num_tokens == len(said)


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_a_stream_is_the_answer_in_pieces(local, prompts, temperature):
    sampling = Sampling(max_new_tokens=20, temperature=temperature, seed=3)
    for prompt in prompts:
        assert "".join(local.stream(prompt, sampling)) == complete(local, prompt, sampling).text


def test_the_limit_is_told_from_an_end(local, seeing_model, prompts):
    cut_off = complete(local, prompts[1], Sampling(max_new_tokens=3))
    assert (cut_off.finish_reason, cut_off.num_tokens) == ("length", 3)
    # Every token that the model could say is made an end of turn.
    ending = Local.load(seeing_model, device=DEVICE)
    ending._end_ids = frozenset(range(6, 300))
    ended = complete(ending, prompts[1], Sampling(max_new_tokens=3))
    assert (ended.text, ended.finish_reason, ended.num_tokens) == ("", "stop", 0)


def test_stop_strings_end_the_answer_before_them(local, prompts):
    sampling = Sampling(max_new_tokens=30, temperature=1.5, seed=1)
    whole = complete(local, prompts[0], sampling)
    stop = whole.text[4:6]
    expected = whole.text[: whole.text.index(stop)]
    stopping = sampling.model_copy(update={"stop": (stop, "nunca dito")})
    answer = complete(local, prompts[0], stopping)
    assert (answer.text, answer.finish_reason) == (expected, "stop")
    assert 0 < answer.num_tokens < whole.num_tokens
    assert "".join(local.stream(prompts[0], stopping)) == expected


def test_seeds_repeat_and_differ(local, prompts):
    def said(seed: int | None) -> str:
        sampling = Sampling(max_new_tokens=20, temperature=1.0, seed=seed)
        return complete(local, prompts[0], sampling).text

    state = torch.get_rng_state()
    assert said(1) == said(1)
    assert said(1) != said(2)
    assert said(None) != said(None)
    assert torch.equal(torch.get_rng_state(), state)


def test_drawing_follows_the_probabilities():
    scores = torch.log(torch.tensor([[0.5, 0.3, 0.2]])).repeat(4000, 1)

    def shares(**settings: float) -> list[float]:
        drawing = Drawing([Random(row) for row in range(4000)], Sampling(**settings))
        drawn = drawing(torch.empty(0), scores).argmax(-1)
        return (torch.bincount(drawn, minlength=3) / 4000).tolist()

    assert shares(temperature=1.0) == pytest.approx([0.5, 0.3, 0.2], abs=0.03)
    assert shares(temperature=1.0, top_p=0.7) == pytest.approx([0.625, 0.375, 0], abs=0.03)
    assert shares(temperature=1.0, top_p=0.01) == [1, 0, 0]
    assert shares(temperature=1e-30) == [1, 0, 0]
    assert shares(temperature=0.5) == pytest.approx([25 / 38, 9 / 38, 4 / 38], abs=0.03)


def test_log_probs_equal_a_plain_softmax_whatever_the_batch(local, prompts):
    answers = ["sim", "Não há nenhum cão.", "", "três", "O autocarro parou."]
    found = log_probs(local, prompts, answers)
    renderer, model = local._renderer, local._model
    for prompt, answer, score in zip(prompts, answers, found, strict=True):
        rendered = renderer.continued(renderer.prompt(prompt), answer)
        inputs = collate([rendered], pad_id=renderer.pad_id).model_inputs()
        with torch.no_grad():
            log_soft = model(**inputs).logits[0].log_softmax(-1)
        places = [place for place, is_in in enumerate(rendered.supervised) if is_in]
        total = sum(float(log_soft[place - 1, rendered.ids[place]]) for place in places)
        assert score.num_tokens == len(renderer.answer(answer)) == len(places)
        assert score.total_nats == pytest.approx(total, abs=1e-3)
        assert score.total_nats < 0


def test_log_probs_want_one_answer_a_prompt(local, prompts):
    with pytest.raises(GenerationError, match="got 5 prompts and 1 answers"):
        log_probs(local, prompts, ["sim"])
    assert log_probs(local, [], []) == []


def test_a_picture_changes_what_is_likely(local, ask):
    red, blue = log_probs(local, [ask("Que cor?", "red"), ask("Que cor?", "blue")], ["sim", "sim"])
    assert abs(red.total_nats - blue.total_nats) > 1e-4


@pytest.fixture(scope="module")
def reading(reading_model) -> Local:
    return Local.load(reading_model, device=DEVICE)


def test_a_language_model_answers_but_refuses_pictures(reading, ask):
    assert complete(reading, ask("Olá"), Sampling(max_new_tokens=4)).num_tokens <= 4
    with pytest.raises(RecordError, match="reads text only"):
        complete(reading, ask("Que cor?", "red"), Sampling())


def test_too_long_a_prompt_names_both_lengths(reading, ask):
    long = ask("palavra " * 60, id="longa")
    for call in (
        lambda: reading.stream(long, Sampling()),
        lambda: list(complete_many(reading, [ask("Olá"), long], Sampling())),
        lambda: log_probs(reading, [ask("Olá")], ["palavra " * 60]),
    ):
        with pytest.raises(
            GenerationError, match=r"needs \d+ tokens but the model reads at most 64"
        ):
            call()


def test_an_answer_ends_where_the_context_ends(reading, ask):
    short, long = ask("Olá"), ask("abcdefghijklmnopqrstuvwx")
    room = 64 - len(reading._renderer.prompt(long).ids)
    assert 0 < room < 40
    answers = list(complete_many(reading, [short, long], Sampling(max_new_tokens=40)))
    assert answers[1].num_tokens <= room
    assert answers[0] == complete(reading, short, Sampling(max_new_tokens=40))


def test_a_failure_in_the_thread_reaches_the_reader(seeing_model, prompts, monkeypatch):
    broken = Local.load(seeing_model, device=DEVICE)

    def fail(**_: object) -> None:
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(broken._model, "generate", fail)
    with pytest.raises(GenerationError, match=r"RuntimeError: out of memory.*ask again"):
        list(broken.stream(prompts[0], Sampling()))


def test_leaving_a_stream_stops_the_model(local, prompts):
    pieces = local.stream(prompts[0], Sampling(max_new_tokens=400, temperature=2.0, seed=1))
    next(pieces)
    pieces.close()
    assert not any(thread.name == "amalia-generate" for thread in threading.enumerate())


def copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def test_folders_that_are_no_model_are_refused(tmp_path, seeing_model):
    with pytest.raises(ArtifactError, match="is not a folder"):
        Local.load(tmp_path / "nada")
    with pytest.raises(ArtifactError, match=r"has no config\.json"):
        Local.load(tmp_path)
    folder = copied(seeing_model, tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    with pytest.raises(ArtifactError, match=r"'bert'.*expected one of llama, llava_next"):
        Local.load(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(ArtifactError, match="not a model configuration"):
        Local.load(folder)


def test_damaged_or_missing_weights_are_refused(tmp_path, seeing_model):
    folder = copied(seeing_model, tmp_path / "m")
    path = folder / "model.safetensors"
    weights = load_file(path)
    lost = next(name for name in weights if "multi_modal_projector" in name)
    save_file(
        {name: value for name, value in weights.items() if name != lost}, path, {"format": "pt"}
    )
    with pytest.raises(ArtifactError, match="1 weights are missing"):
        Local.load(folder, device=DEVICE)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ArtifactError, match="weights cannot be read"):
        Local.load(folder, device=DEVICE)
    path.unlink()
    with pytest.raises(ArtifactError, match="weights cannot be read"):
        Local.load(folder, device=DEVICE)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ArtifactError, match=r"no tokenizer\.json"):
        Local.load(folder, device=DEVICE)


def test_weights_that_give_no_number_are_refused(seeing_model, prompts):
    broken = Local.load(seeing_model, device=DEVICE)
    with torch.no_grad():
        broken._model.lm_head.weight.fill_(math.nan)
    with pytest.raises(GenerationError, match="not finite"):
        log_probs(broken, prompts[:1], ["sim"])


def test_bfloat16_autocast_answers_too(seeing_model, prompts):
    half = Local.load(seeing_model, device=Device("cpu", "bfloat16", "", "", 1, 0))
    answers = list(complete_many(half, prompts, Sampling(max_new_tokens=4)))
    assert len(answers) == 5


def test_bfloat16_weights_are_near_float32(local, seeing_model, prompts):
    # As on an accelerator, where weights are not kept in float32.
    half = Local.load(seeing_model, device=DEVICE)
    half._model.to(torch.bfloat16)
    answers = ["sim"] * len(prompts)
    for near, exact in zip(
        log_probs(half, prompts, answers), log_probs(local, prompts, answers), strict=True
    ):
        assert near.total_nats == pytest.approx(exact.total_nats, rel=0.05)
    assert complete(half, prompts[1], Sampling(max_new_tokens=4)).num_tokens <= 4


def test_a_prompt_is_computed_once_for_all_answers_weighed_after_it(local, ask, monkeypatch):
    asked = [ask("Que cor?", "red"), ask("Quantos são os gatos que se veem?"), ask("Onde?", "blue")]
    texts = ["sim", "Não há nenhum gato preto.", "", "três"]
    apart = [log_probs(local, [prompt], [text])[0] for prompt in asked for text in texts]
    looks = []
    forward = type(local._model).forward

    def counting(self, *given, **named):
        looks.append(len(named["input_ids"]))
        return forward(self, *given, **named)

    monkeypatch.setattr(type(local._model), "forward", counting)
    together = log_probs(
        local, [prompt for prompt in asked for _ in texts], [text for _ in asked for text in texts]
    )
    assert looks[0] <= len(asked) < len(apart)
    for one, other in zip(together, apart, strict=True):
        assert one.num_tokens == other.num_tokens
        assert one.total_nats == pytest.approx(other.total_nats, abs=1e-3)
