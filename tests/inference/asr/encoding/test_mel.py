import numpy as np
import pytest
from transformers import WhisperFeatureExtractor

from inference.asr.encoding.mel import LogMel


@pytest.mark.parametrize("n_mels", [80, 128])
def test_the_log_mel_equals_that_of_transformers(consultation, n_mels):
    span = consultation[: 10 * 16_000]
    reference = WhisperFeatureExtractor(feature_size=n_mels)(span, sampling_rate=16_000, return_tensors="np")
    ours = LogMel(n_mels)([span], 3000).numpy()
    assert ours.shape == (1, n_mels, 3000)
    assert np.abs(ours - reference.input_features).max() < 1e-4


def test_spans_of_one_batch_do_not_change_each_other(consultation):
    long, short = consultation[:80_000], consultation[80_000:100_000]
    mel = LogMel(80)
    together = mel([long, short], 600).numpy()
    np.testing.assert_array_equal(together[0], mel([long], 600).numpy()[0])
    np.testing.assert_array_equal(together[1], mel([short], 600).numpy()[0])
