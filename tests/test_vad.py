import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.config import FRAME_SAMPLES
from inference.vad import SileroVad
from inference.vad_state import VadState


@pytest.fixture(scope="module")
def stock(consultation):
    """Probabilities of the published model, frame by frame."""
    path = Path(find_spec("silero_vad").origin).parent / "data" / "silero_vad.jit"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model = torch.jit.load(str(path))
    frames = torch.from_numpy(consultation[: 30 * 16_000 // FRAME_SAMPLES * FRAME_SAMPLES]).split(FRAME_SAMPLES)
    return np.array([model(frame[None], 16_000).item() for frame in frames])


def run(vad: SileroVad, pieces, state=None):
    probabilities, state = [], state or VadState()
    for piece in pieces:
        ((found, state),) = vad.speech_probabilities([piece], [state])
        probabilities.append(found)
    return np.concatenate(probabilities)


def test_every_frame_of_real_speech_equals_the_stock_model(vad, consultation, stock):
    audio = consultation[: len(stock) * FRAME_SAMPLES]
    ours = run(vad, np.array_split(audio, range(48_000, len(audio), 48_000)))
    assert ours.shape == stock.shape
    assert np.abs(ours - stock).max() < 1e-4
    assert stock.max() > 0.9, "the sample has speech"
    assert stock.min() < 0.1, "and silence"


@pytest.mark.parametrize("cut", [160, 511, 512, 513, 7_001])
def test_probabilities_do_not_depend_on_where_the_chunks_were_cut(vad, consultation, cut):
    audio = consultation[:64_000]
    whole = run(vad, [audio])
    pieces = run(vad, np.array_split(audio, range(cut, len(audio), cut)))
    assert len(whole) == len(audio) // FRAME_SAMPLES
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


def test_interleaved_sessions_of_unequal_chunks_each_get_what_they_get_alone(vad, consultation):
    streams = [consultation[at : at + 48_000] for at in (0, 16_000, 100_000)]
    sizes = [5_000, 12_345, 24_000]
    alone = [run(vad, np.array_split(s, range(n, len(s), n))) for s, n in zip(streams, sizes, strict=True)]
    together: list[list[np.ndarray]] = [[] for _ in streams]
    states, at = [VadState() for _ in streams], [0, 0, 0]
    while any(at[i] < len(streams[i]) for i in range(3)):
        live = [i for i in range(3) if at[i] < len(streams[i])]  # they end at different times
        answers = vad.speech_probabilities(
            [streams[i][at[i] : at[i] + sizes[i]] for i in live], [states[i] for i in live]
        )
        for i, (probabilities, state) in zip(live, answers, strict=True):
            together[i].append(probabilities)
            states[i] = state
            at[i] += sizes[i]
    for one, parts in zip(alone, together, strict=True):
        np.testing.assert_allclose(np.concatenate(parts), one, atol=1e-5)


def test_a_chunk_shorter_than_a_frame_waits_in_the_state(vad):
    ((probabilities, state),) = vad.speech_probabilities([np.zeros(384, np.float32)], [VadState()])
    assert len(probabilities) == 0
    assert len(state.remainder) == 384
    assert vad.speech_probabilities([], []) == []
