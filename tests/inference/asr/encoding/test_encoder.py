"""The encoder in torch gives what CTranslate2's gives, whatever type the weights have in the file."""

import ctranslate2
import numpy as np
import pytest

from benchmarks.common.random_whisper import TOY, write
from benchmarks.gpu import int8_weights
from inference.asr.encoding.encoder import Encoder
from inference.asr.encoding.mel import LogMel
from inference.asr.hypothesis import AsrRequest
from inference.asr.whisper import WhisperAsr
from inference.config import SAMPLE_RATE, AsrConfig
from inference.weights.models import default_cache, resolve
from inference.weights.variables import read

EXACT = AsrConfig(compute_type="float32", workers=1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Three models by the type of their weights."""
    tiny, made = resolve("tiny.en", default_cache()), tmp_path_factory.mktemp("models")
    return {
        "float16": tiny,
        "int8": int8_weights.write(tiny, made / "int8"),
        "random": write(TOY, made / "toy", threads=2),
    }


@pytest.mark.parametrize("kind", ["float16", "int8", "random"])
def test_the_output_is_that_of_ctranslate2(folders, consultation, kind):
    model = ctranslate2.models.Whisper(str(folders[kind]), compute_type="float32", intra_threads=1)
    spans = [consultation[: 5 * SAMPLE_RATE], consultation[5 * SAMPLE_RATE : 11 * SAMPLE_RATE]]
    mels = LogMel(model.n_mels)(spans, 900)
    expected = np.array(model.encode(ctranslate2.StorageView.from_array(mels.numpy())))
    found = Encoder(read(folders[kind] / "model.bin"), "cpu")(list(mels)).numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_recogniser_says_the_same_with_either_encoder(folders, consultation):
    requests = [AsrRequest(consultation[at : at + 5 * SAMPLE_RATE], True) for at in (0, 80_000, 160_000)]
    theirs, ours = (
        WhisperAsr(folders["float16"], config).transcribe(requests)
        for config in (EXACT, AsrConfig(compute_type="float32", workers=1, torch_encoder=True))
    )
    assert [said.text for said in ours] == [said.text for said in theirs]
    assert all(said.text for said in ours)
    for own, other in zip(ours, theirs, strict=True):
        assert [(word.text, word.start, word.end) for word in own.words] == [
            (word.text, word.start, word.end) for word in other.words
        ]


def test_weights_in_int8_say_what_the_weights_said_that_they_were_made_of(folders, consultation):
    config = AsrConfig(workers=1)  # int8 in both cases: made when the file was written, or when the model is loaded
    requests = [AsrRequest(consultation[: 6 * SAMPLE_RATE], final) for final in (True, False)]
    texts = [
        [said.text for said in WhisperAsr(folders[kind], config).transcribe(requests)] for kind in ("float16", "int8")
    ]
    assert texts[0] == texts[1]
    assert (folders["int8"] / "model.bin").stat().st_size < 0.6 * (folders["float16"] / "model.bin").stat().st_size


def test_a_file_of_another_version_is_refused(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"\x05\0\0\0" + bytes(100))
    with pytest.raises(ValueError, match="version 5 of CTranslate2's format; only 6"):
        read(tmp_path / "model.bin")


def test_weights_of_another_model_are_refused(folders):
    weights = read(folders["random"] / "model.bin")
    others = {name: values for name, values in weights.variables.items() if "conv1" not in name}
    with pytest.raises(KeyError, match="encoder/conv1/weight"):
        Encoder(type(weights)(weights.head, others, {}), "cpu")
