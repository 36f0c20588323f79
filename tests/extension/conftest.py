"""One browser with the extension and one server for the tests of its consultations."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from inference.audio.decoding import Samples
from inference.config import EngineConfig
from inference.extraction import ExtractionRequest
from inference.extraction.rules.engine import RulesExtractor
from inference.findings import Proposal
from inference.pipeline import Pipeline
from tests.extension.support.chromium import ORIGIN, installed
from tests.extension.support.clinic import CALL, CLINICIAN_S, PATIENT_S, Clinic, repeated
from tests.extension.support.relay import Relay
from tests.support.access import key, text_of
from tests.support.live import Server, serving


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def clinic(
    vad: Any, tiny: Any, dual_consultation: Samples, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic")
    microphone = repeated(folder / "clinician.wav", dual_consultation, CLINICIAN_S, 0)
    patient = repeated(folder / "patient.wav", dual_consultation, PATIENT_S, 1)
    secret = text_of(key(folder / "keys", "ward-3"))

    async def call(_request: web.Request) -> web.Response:
        return web.Response(text=CALL, content_type="text/html")

    async def voice(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(patient)

    app = web.Application()
    app.router.add_get("/", call)
    app.router.add_get("/patient.wav", voice)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    engines = Pipeline(vad, tiny, [RulesExtractor()], EngineConfig())
    async with (
        serving(engines, keys_file=folder / "keys", allowed_origins=(ORIGIN,)) as server,
        Relay(int(server.url.rpartition(":")[2])) as relay,
        installed(folder, f"--use-file-for-fake-audio-capture={microphone}") as chromium,
    ):
        yield Clinic(server, relay, f"http://127.0.0.1:{runner.addresses[0][1]}/", folder / "keys", secret, chromium)
    await runner.cleanup()


class Forgetful(RulesExtractor):
    """Notes nothing while people speak: whatever is said has to be offered at the end."""

    async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
        return []


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def forgetful(vad: Any, tiny: Any) -> AsyncIterator[Server]:
    """A server without keys that notes nothing."""
    engines = Pipeline(vad, tiny, [Forgetful()], EngineConfig())
    async with serving(engines, allowed_origins=(ORIGIN,)) as server:
        yield server
