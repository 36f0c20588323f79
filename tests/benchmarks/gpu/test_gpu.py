"""The GPU benchmark on a CPU: random weights, the count of tokens, the search, and one trial with a toy."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import ctranslate2
import numpy as np
import pytest

from benchmarks.common.cublas import LIBRARY, loaded_path, under_old_name
from benchmarks.common.random_whisper import FIRST_TIMESTAMP, TOY, write
from benchmarks.gpu.check import check
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.engine import TOKENS_PER_SECOND, MeasuredAsr, MeasuredVad, exact_length
from benchmarks.gpu.report import markdown
from benchmarks.gpu.session import CHUNK_SAMPLES, Session, Speech, unshown_s
from benchmarks.gpu.streams import Bounds, Host, next_sessions, trial
from benchmarks.gpu.sweep import sweep
from inference.asr.encoding.mel import LogMel
from inference.asr.hypothesis import AsrRequest
from inference.config import SAMPLE_RATE, AsrConfig, EngineConfig, SegmenterConfig, VadConfig
from inference.updates import Progress


@pytest.fixture(scope="module")
def toy_folder(tmp_path_factory) -> Path:
    return write(TOY, tmp_path_factory.mktemp("toy"), threads=2)


@pytest.fixture(scope="module")
def toy(toy_folder) -> MeasuredAsr:
    return MeasuredAsr(toy_folder, AsrConfig(workers=2, max_batch=4, guard=False), random=True)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    one, two, other = (write(TOY, tmp_path / str(i), seed=seed) / "model.bin" for i, seed in enumerate((0, 0, 1)))
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()


def test_a_random_model_has_the_ids_of_large_v3_and_is_multilingual(toy):
    ids = [toy.tokenizer.token_to_id(f"<|{name}|>") for name in ("endoftext", "en", "yue", "notimestamps")]
    assert ids == [50257, 50259, 50358, 50364]
    assert toy.multilingual
    assert toy.model.n_mels == 128


def test_a_random_model_suppresses_what_large_v3_turbo_does(toy_folder):
    config = json.loads((toy_folder / "config.json").read_text())
    ids = config["suppress_ids"]
    assert (len(ids), ids[:4], ids[-7:]) == (88, [1, 2, 7, 8], [50254, 50258, 50359, 50360, 50361, 50362, 50363])
    assert config["suppress_ids_begin"] == [220, 50257]


@pytest.mark.parametrize("beam", [1, 5])
@pytest.mark.parametrize("prompt", [0, 32])
def test_with_timestamps_random_weights_close_a_segment_every_few_seconds(toy, sentence, beam, prompt):
    mel = LogMel(128)([sentence[: 6 * SAMPLE_RATE]] * 2, 900).numpy()
    encoded = toy.model.encode(ctranslate2.StorageView.from_array(mel))
    start = ([50362, *range(1000, 1000 + prompt)] if prompt else []) + [50258, 50259, 50360]
    tokens = round(13 * TOKENS_PER_SECOND)
    results = toy.model._model.generate(
        encoded, [start] * 2, beam_size=beam, max_length=exact_length(tokens, len(start))
    )
    for result in results:
        ids = result.sequences_ids[0]
        times = [0.02 * (i - FIRST_TIMESTAMP) for i in ids if i >= FIRST_TIMESTAMP]
        closed = sum(a >= FIRST_TIMESTAMP and b >= FIRST_TIMESTAMP for a, b in itertools.pairwise(ids))
        assert len(ids) == tokens
        assert 3 <= closed <= 6
        assert times == sorted(times)
        assert 6 <= times[-1] <= 14


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("prompt", ["", "what was said before this is longer than the prompt may be"])
def test_random_weights_say_as_many_tokens_as_people_do(toy, sentence, final, prompt):
    toy.watch.lap()
    hypotheses = toy.transcribe([AsrRequest(sentence[: 3 * SAMPLE_RATE], final, prompt=prompt)] * 2)
    assert toy.watch.lap()["tokens"][1] == 2 * round(TOKENS_PER_SECOND * 3)
    assert all(hypothesis.text and not hypothesis.doubtful for hypothesis in hypotheses)


def test_the_sweep_times_every_stage_of_every_lane(toy, sentence):
    rows = sweep(toy, sentence, (1, 2), (3.0,), Deadline.after(60))
    assert [(row["lane"], row["batch"]) for row in rows] == [("final", 1), ("final", 2), ("partial", 1), ("partial", 2)]
    for row in rows:
        assert min(row[f"{stage}_ms"] for stage in ("mel", "encode", "decode", "align")) > 0
        assert row["item_ms"] == pytest.approx(1000 * row["batch_s"] / row["batch"], rel=0.01)


def test_a_deadline_that_is_over_leaves_out_and_says_so(toy, sentence):
    deadline = Deadline.after(-1)
    assert sweep(toy, sentence, (1,), (3.0,), deadline.within(5, "sweep")) == []
    assert deadline.skipped == ["sweep: finals of 3 s, batch 1", "sweep: partials of 3 s, batch 1"]


def test_the_cpu_agrees_with_itself(toy_folder, consultation):
    found = check("cpu", toy_folder, consultation, (3.0,), real=True)
    assert found["mel"] == found["vad"] == found["encoder"] == 0.0
    assert found["encoder_scale"] > 1
    assert found["same_text"]
    assert found["ok"]


def test_a_device_that_hears_something_else_does_not_pass(toy_folder, consultation, monkeypatch):
    exact = LogMel.__call__
    monkeypatch.setattr(LogMel, "__call__", lambda self, spans, frames: exact(self, spans, frames) * (2 + next(odd)))
    odd = iter(range(100))
    assert not check("cpu", toy_folder, consultation, (3.0,), real=False)["ok"]


@pytest.mark.parametrize(("carried", "found"), [(600, 600), (1, 1), (0, 0), (37, 36), (5000, 3200)])
def test_the_search_finds_the_most_sessions_to_an_eighth(carried, found):
    verdicts: dict[int, bool] = {}
    while (sessions := next_sessions(verdicts, 100, 3200)) is not None:
        verdicts[sessions] = sessions <= carried
    most = max((n for n, held in verdicts.items() if held), default=0)
    assert most <= carried
    assert most >= min(carried, 3200) * 8 / 9 - 1
    assert len(verdicts) <= 10


def test_a_session_loops_the_recording_without_a_seam(vad, consultation):
    speech = Speech.of(consultation[: 10 * SAMPLE_RATE], vad)
    first = speech.samples - 1000
    wanted = np.frombuffer(speech.pcm + speech.pcm, dtype="<i2")[first : first + CHUNK_SAMPLES]
    assert np.array_equal(np.frombuffer(speech.chunk(first), dtype="<i2"), wanted)
    assert speech.chunk(first + 3 * speech.samples) == speech.chunk(first)
    assert 0.0 <= speech.speech_in(first) <= 3.1


def test_a_chunk_counts_as_shown_at_the_first_progress_that_covers_it():
    session = Session(0, unshown_s(SegmenterConfig()))
    session.due = [10.0, 13.0, 16.0]
    session.emit(Progress(3.0, 100.0))
    assert len(session.shown) == 1
    session.emit(Progress(3.5, 100.0))  # its partial was given up: nothing of the second chunk is on the screen
    assert (len(session.shown), session.late(16.5)) == (1, 2)
    session.emit(Progress(9.0, 100.0))
    assert (len(session.shown), session.late(16.5)) == (3, 0)


async def test_a_trial_shows_every_chunk_of_every_session_and_tells_what_it_cost(toy, consultation):
    vad = MeasuredVad(VadConfig())
    host = Host(vad, toy, EngineConfig(asr=toy.config), Speech.of(consultation, vad), None)
    found = await trial(2, host, Bounds(text_s=60.0, settle_s=3.0, window_s=3.0))
    assert found["chunks"] == 2
    assert found["unshown_chunks"] == found["faults"] == 0
    assert not found["aborted"]
    assert found["text_ms"]["n"] > 0
    assert set(found["share"]) == {"vad", "mel", "encode", "decode", "align"}


def test_the_report_shows_what_a_run_got_to():
    machine = {"gpu": None, "cpu": "a CPU", "cores": 2, "python": "3.11", "packages": {"torch": "2"}, "gpu_card": None}
    model = {
        "weights": "random, toy shape",
        "encoder": "torch",
        "sweep": {"rows": [{"lane": "final", "batch": 4, "item_ms": 0.001234}]},
    }
    text = markdown({"machine": machine, "models": [model], "skipped": ["streams: 4 sessions"], "errors": []})
    assert "random, toy shape" in text
    assert "| final | 4 | 0.00123 |" in text
    assert "- streams: 4 sessions" in text


@pytest.mark.skipif(sys.platform != "linux", reason="the loader's search path is Linux's")
def test_a_newer_library_is_found_under_the_old_name():
    newer = loaded_path("libc.so.6")  # stands for a cuBLAS
    assert newer is not None
    load = f"import ctypes; ctypes.CDLL('{LIBRARY}').getpid"
    assert subprocess.run([sys.executable, "-c", load], capture_output=True, check=False).returncode != 0
    links = under_old_name(newer)
    try:
        subprocess.run([sys.executable, "-c", load], env=os.environ | links, check=True)
    finally:
        folder = Path(links["DRTRANSCRIBE_CUBLAS_LINKS"])
        (folder / LIBRARY).unlink()
        folder.rmdir()
