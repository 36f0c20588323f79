import numpy as np
import pytest

from inference.audio.decoding import AudioError, AudioFormat, PcmDecoder
from tests.support.speech import chunks, pcm


def tone(rate: int, seconds: float = 1.0, hz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def decode_all(decoder: PcmDecoder, data: bytes, chunk_bytes: int) -> list[np.ndarray]:
    pieces = [decoder.decode(piece) for piece in chunks(data, chunk_bytes)] + [decoder.decode(b"", last=True)]
    return [np.concatenate([piece[track] for piece in pieces]) for track in range(decoder.tracks)]


def test_mono_at_16_khz_passes_through_as_floats():
    (samples,) = PcmDecoder(AudioFormat(), 1).decode(np.array([0, 16384, -32768], dtype="<i2").tobytes())
    assert samples.tolist() == [0.0, 0.5, -1.0]
    assert samples.dtype == np.float32


def test_one_track_of_two_channels_is_their_mean_and_two_tracks_keep_them_apart():
    stereo = np.array([[16384, 0], [-16384, -16384]], dtype="<i2").tobytes()
    (mixed,) = PcmDecoder(AudioFormat(channels=2), 1).decode(stereo)
    left, right = PcmDecoder(AudioFormat(channels=2), 2).decode(stereo)
    assert mixed.tolist() == [0.25, -0.5]
    assert (left.tolist(), right.tolist()) == ([0.5, -0.5], [0.0, -0.5])


@pytest.mark.parametrize("rate", [8_000, 12_000, 22_050, 44_100, 48_000])
def test_any_rate_becomes_16_khz_of_the_same_length_and_pitch(rate):
    (samples,) = decode_all(PcmDecoder(AudioFormat(sample_rate=rate), 1), pcm(tone(rate)), 2 * rate // 10)
    assert abs(len(samples) - 16_000) <= 2
    assert np.abs(np.fft.rfft(samples[:16_000])).argmax() == 440


@pytest.mark.parametrize("channels", [1, 2])
def test_resampled_audio_does_not_depend_on_where_the_chunks_were_cut(channels):
    audio = AudioFormat(sample_rate=44_100, channels=channels)
    data = pcm(np.stack([tone(44_100, 2.0, 440.0 * (track + 1)) for track in range(channels)]))
    whole = decode_all(PcmDecoder(audio, channels), data, len(data))
    cut = decode_all(PcmDecoder(audio, channels), data, 2 * channels * 997)
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_bytes_that_are_no_whole_samples_are_refused_with_the_multiple_to_send():
    with pytest.raises(AudioError, match="multiples of 4 bytes"):
        AudioFormat(channels=2).sample_frames(b"\0" * 6)
    with pytest.raises(AudioError, match="multiples of 2 bytes"):
        AudioFormat().sample_frames(b"\0" * 3)
    with pytest.raises(AudioError, match="empty"):
        AudioFormat().sample_frames(b"")


@pytest.mark.parametrize(
    ("fields", "remedy"), [({"sample_rate": 96_000}, "8000 to 48000"), ({"channels": 5}, "send 1, or 2")]
)
def test_a_format_that_cannot_be_read_is_refused_with_what_to_send(fields, remedy):
    with pytest.raises(AudioError, match=remedy):
        AudioFormat(**fields)


def test_dual_mode_of_one_channel_is_refused():
    with pytest.raises(AudioError, match=r"needs audio\.channels 2"):
        PcmDecoder(AudioFormat(channels=1), 2)
