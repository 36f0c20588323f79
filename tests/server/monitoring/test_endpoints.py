"""What the public port and the metrics port tell."""

import asyncio
import json

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from inference.pipeline import Pipeline
from inference.updates import Extracted, Progress
from server.app import AUDIT, ENDPOINTS
from server.audit.trail import Audit
from server.monitoring.metrics import DEADLINE_S, Metrics
from server.monitoring.watching import watching
from server.runtime import bound
from server.settings import Settings, SettingsError
from tests.support.fakes import LevelAsr, LoudnessVad
from tests.support.live import Server, serving


async def asked(server: Server, path: str) -> tuple[int, str]:
    """What the metrics port answers."""
    async with TestClient(TestServer(server.app[ENDPOINTS].private())) as client:
        response = await client.get(path)
        return response.status, await response.text()


async def test_with_a_metrics_port_the_public_port_tells_neither_metrics_nor_models_nor_capacity():
    async with serving(metrics_port=0) as server:
        assert await server.get("/health/live") == (200, '{"status": "live"}')
        assert await server.get("/health/ready") == (200, '{"status": "ready"}')
        status, text = await server.get("/metrics")
        assert (status, json.loads(text)["code"]) == (404, "metrics_elsewhere")
        status, text = await asked(server, "/health/ready")
        assert (status, json.loads(text)["capacity"]) == (200, 32)
        assert json.loads(text)["models"]["asr"] == "whisper"
        status, text = await asked(server, "/metrics")
        assert status == 200
        assert "drtranscribe_capacity 32.0" in text
        assert (await asked(server, "/"))[0] == 404


class BrokenEngine(Pipeline):
    failed = "the device failed at 10.1.2.3: see nvidia-smi"
    ready = False


async def test_why_an_engine_is_gone_is_told_on_the_metrics_port_alone():
    async with serving(metrics_port=0) as server:
        server.app[ENDPOINTS].pipeline.__class__ = BrokenEngine
        assert await server.get("/health/live") == (503, '{"status": "failed"}')
        assert await server.get("/health/ready") == (503, '{"status": "not ready"}')
        for path in ("/health/live", "/health/ready"):
            status, text = await asked(server, path)
            assert (status, json.loads(text)["status"]) == (503, "failed")
            assert "10.1.2.3" in text


async def test_a_server_on_loopback_without_a_metrics_port_tells_everything_on_its_only_port():
    async with serving() as server:
        assert "capacity" in (await server.get("/health/ready"))[1]
        assert (await server.get("/metrics"))[0] == 200


def test_a_server_on_a_public_address_keeps_metrics_and_reasons_to_itself_even_without_a_metrics_port():
    assert not Settings(host="127.0.0.1").metrics_apart
    assert not Settings(host="localhost").metrics_apart
    assert not Settings(host="::1").metrics_apart
    assert Settings(host="0.0.0.0").metrics_apart
    assert Settings(host="scribe.example").metrics_apart
    assert Settings(metrics_port=9464).metrics_apart


class Full(Audit):
    problem = "the audit trail /var/log/audit cannot be written (No space left on device): make room on that disk"


async def test_a_server_that_cannot_write_its_audit_trail_is_not_ready_and_refuses_new_sessions():
    async with serving() as server:
        server.app[AUDIT].__class__ = Full
        status, text = await server.get("/health/ready")
        assert (status, json.loads(text)["status"]) == (503, "audit unavailable")
        assert "make room" in text
        async with server.connect() as client:
            await client.say({"type": "start_session", "consent": True})
            refused = await client.hear("error")
            assert (refused["code"], refused["retry_after_s"] > 0) == ("audit_unavailable", True)
            assert await client.close_code() == 1013


def test_a_chunk_is_late_after_three_seconds():
    metrics = Metrics()
    for lag_ms in (0.0, DEADLINE_S * 1000, DEADLINE_S * 1000 + 1):
        metrics.observe(Progress(1.0, lag_ms))
    assert "drtranscribe_late_chunks_total 1.0" in metrics.text().decode()
    assert 'drtranscribe_lag_seconds_bucket{le="3.0"} 2.0' in metrics.text().decode()


def test_requests_to_extractors_are_measured_by_how_they_ended():
    metrics = Metrics()
    metrics.observe(Extracted("vllm", "failed", 2, 1500.0))
    metrics.observe(Extracted("vllm", "answered", 3, 900.0))
    told = metrics.text().decode()
    assert 'drtranscribe_extraction_seconds_bucket{extractor="vllm",le="1.5",outcome="failed"} 1.0' in told
    assert 'drtranscribe_segments_read_total{extractor="vllm"} 3.0' in told


class Counting:
    prompt_tokens, cached_tokens = 100, 60


def test_what_engines_count_becomes_counters():
    metrics = Metrics()
    assert "drtranscribe_second_tries_total 0.0" in metrics.text().decode()
    metrics.watch_engines(lambda: 7, [object(), Counting(), Counting()])
    text = metrics.text().decode()
    assert "drtranscribe_second_tries_total 7.0" in text
    assert "drtranscribe_prompt_tokens_total 200.0" in text
    assert "drtranscribe_cached_prompt_tokens_total 120.0" in text


async def test_the_metrics_of_a_server_count_the_second_tries_of_its_recogniser():
    pipeline = Pipeline(LoudnessVad(), LevelAsr(), [])
    async with serving(pipeline) as server:
        pipeline.asr.second_tries += 3
        assert "drtranscribe_second_tries_total 3.0" in (await server.get("/metrics"))[1]


async def test_the_tasks_that_have_not_ended_are_counted_and_none_outside_of_an_event_loop():
    before = tasks(Metrics())
    waiting = asyncio.create_task(asyncio.Event().wait())
    assert tasks(Metrics()) == before + 1
    assert await asyncio.to_thread(tasks, Metrics()) == 0
    waiting.cancel()


def tasks(metrics: Metrics) -> float:
    return float(metrics.text().decode().partition("\ndrtranscribe_tasks ")[2].partition("\n")[0])


async def test_the_metrics_port_is_closed_with_the_server():
    metrics = Metrics()
    async with serving(metrics=metrics) as server:
        async with (
            watching(Settings(metrics_port=0), metrics, bound) as (_, private),
            private(server.app[ENDPOINTS]) as address,
            server.http.get(address) as response,
        ):
            assert response.status == 200
            assert "drtranscribe_sessions 0.0" in await response.text()
        with pytest.raises(aiohttp.ClientConnectorError):
            await server.http.get(address)


async def test_a_metrics_port_that_is_in_use_is_a_wrong_setting():
    with bound("127.0.0.1", 0) as taken:
        taken.listen()
        settings = Settings(metrics_port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match=r"--metrics-port: 127.0.0.1:\d+ cannot"):
            async with watching(settings, Metrics(), bound):
                raise AssertionError


async def test_an_audit_trail_that_cannot_be_opened_is_a_wrong_setting(tmp_path):
    with pytest.raises(SettingsError, match=r"--audit: .*make its folder"):
        async with watching(Settings(audit=tmp_path / "none" / "audit.jsonl"), Metrics(), bound):
            raise AssertionError
