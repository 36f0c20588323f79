import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.audio.vad import SileroVad
from inference.audio.vad_state import VadState
from inference.config import FRAME_SAMPLES, VadConfig


@pytest.fixture(scope="module")
def stock():
    """Probabilities [frames] of one stream by the published model, a frame at a time."""
    path = Path(find_spec("silero_vad").origin).parent / "data" / "silero_vad.jit"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model = torch.jit.load(str(path))

    def probabilities(audio: np.ndarray) -> np.ndarray:
        model.reset_states()
        frames = torch.from_numpy(audio[: len(audio) // FRAME_SAMPLES * FRAME_SAMPLES]).split(FRAME_SAMPLES)
        with torch.inference_mode():
            return np.array([model(frame[None], 16_000).item() for frame in frames])

    return probabilities


def run(vad: SileroVad, pieces, state=None):
    probabilities, state = [], state or VadState()
    for piece in pieces:
        ((found, state),) = vad.speech_probabilities([piece], [state])
        probabilities.append(found)
    return np.concatenate(probabilities)


def test_every_frame_of_real_speech_equals_the_stock_model(vad, consultation, stock):
    audio = consultation[: 30 * 16_000]
    expected = stock(audio)
    for chunk in (48_000, len(audio)):  # the whole is more than one block of the convolutions
        ours = run(vad, np.array_split(audio, range(chunk, len(audio), chunk)))
        assert ours.shape == expected.shape
        assert np.abs(ours - expected).max() < 1e-4
    assert expected.max() > 0.9, "the sample has speech"
    assert expected.min() < 0.1, "and silence"


@pytest.mark.parametrize("cut", [160, 511, 512, 513, 7_001])
def test_probabilities_do_not_depend_on_where_the_chunks_were_cut(vad, consultation, cut):
    audio = consultation[:64_000]
    whole = run(vad, [audio])
    pieces = run(vad, np.array_split(audio, range(cut, len(audio), cut)))
    assert len(whole) == len(audio) // FRAME_SAMPLES
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


@pytest.fixture(scope="module")
def voices(dual_consultation, sentence, noise, stock):
    """Eight streams of real speech and noise, of 1 to 7 s, each with what the stock model says to it alone."""
    seconds = (7, 5, 6, 1, 4, 3)
    streams = [dual_consultation[i % 2, i * 150_000 :][: s * 16_000 + 77] for i, s in enumerate(seconds)]
    streams += [sentence, noise[:60_000]]
    return [(stream, stock(stream)) for stream in streams]


@pytest.mark.parametrize("seed", range(4))
def test_sessions_that_come_and_go_in_one_batch_each_hear_what_the_stock_model_hears(vad, voices, seed):
    rng = np.random.default_rng(seed)
    joins = rng.integers(0, 8, len(voices))  # the call at which a session comes
    leaves = rng.choice([8, 20, 10_000], len(voices))  # and the one at which it goes, mostly with audio left
    heard: list[list[np.ndarray]] = [[] for _ in voices]
    states, at, sizes = [VadState() for _ in voices], [0] * len(voices), []
    for call in range(200):
        here = [i for i, (audio, _) in enumerate(voices) if joins[i] <= call < leaves[i] and at[i] < len(audio)]
        rng.shuffle(here)
        batch = [i for i in here if rng.random() < 0.8]  # some sent nothing since the last call
        longest = rng.choice([700, 6_000, 20_000])
        chunks = [voices[i][0][at[i] :][: rng.integers(0, longest)] for i in batch]
        answers = vad.speech_probabilities(chunks, [states[i] for i in batch])
        for i, chunk, (probabilities, state) in zip(batch, chunks, answers, strict=True):
            heard[i].append(probabilities)
            states[i] = state
            at[i] += len(chunk)
        sizes.append(len(batch))
    assert max(sizes) >= 4
    for i, (audio, expected) in enumerate(voices):
        ours = np.concatenate([np.zeros(0), *heard[i]])
        assert len(ours) == at[i] // FRAME_SAMPLES
        assert at[i] == len(audio) or leaves[i] < 10_000
        assert np.abs(ours - expected[: len(ours)]).max(initial=0) < 1e-4
        np.testing.assert_allclose(ours, run(vad, [audio[: at[i]]]), atol=1e-5)  # nor do the others show


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_hears_what_the_stock_model_hears(voices):
    vad = SileroVad(VadConfig(device="cuda"))
    states = [VadState() for _ in voices]
    for at in range(0, 7 * 16_000 + 77, 48_000):
        answers = vad.speech_probabilities([audio[at : at + 48_000] for audio, _ in voices], states)
        states = [state for _, state in answers]
        for (probabilities, _), (_, expected) in zip(answers, voices, strict=True):
            begin = at // FRAME_SAMPLES
            assert np.abs(probabilities - expected[begin : begin + len(probabilities)]).max(initial=0) < 1e-4


def test_a_state_is_a_value_that_the_call_leaves_as_it_was(vad, consultation):
    first, second = consultation[:48_000], consultation[48_000:96_000]
    ((_, state),) = vad.speech_probabilities([first], [VadState()])
    (once, _), (again, _) = vad.speech_probabilities([second, second], [state, state])
    ((later, _),) = vad.speech_probabilities([second], [state])
    np.testing.assert_array_equal(once, again)
    np.testing.assert_allclose(later, once, atol=1e-5)


def test_an_empty_chunk_in_a_batch_gives_no_frames_and_leaves_its_session_where_it_was(vad, consultation):
    ((_, state),) = vad.speech_probabilities([consultation[:10_000]], [VadState()])
    (nothing, same), (found, _) = vad.speech_probabilities(
        [np.zeros(0, np.float32), consultation[:48_000]], [state, VadState()]
    )
    assert len(nothing) == 0
    assert len(found) == 93
    for name in ("hidden", "context", "remainder"):
        np.testing.assert_array_equal(getattr(same, name), getattr(state, name))


def test_a_chunk_shorter_than_a_frame_waits_in_the_state(vad):
    ((probabilities, state),) = vad.speech_probabilities([np.zeros(384, np.float32)], [VadState()])
    assert len(probabilities) == 0
    assert len(state.remainder) == 384
    assert vad.speech_probabilities([], []) == []
