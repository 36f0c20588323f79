"""Deepgram's own Python SDK, pointed at a real server with real engines and real speech."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types import ListenV1Metadata, ListenV1Results, ListenV1SpeechStarted, ListenV1UtteranceEnd

from inference.config import EngineConfig
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from server.app import SESSIONS
from tests.support.access import key, text_of
from tests.support.live import serving
from tests.support.speech import chunks, pcm

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),  # one server for all of them
    # The SDK imports names that newer releases of its library call deprecated.
    pytest.mark.filterwarnings(r"ignore:websockets\.:DeprecationWarning"),
]

RAW = {"model": "nova-3", "encoding": "linear16", "sample_rate": 16_000}
HALF_SECOND = 16_000  # bytes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tiny, vad, tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    engine = Pipeline(vad, tiny, [RulesExtractor()], EngineConfig(), "tiny.en")
    header = key(keys, "ward-3")
    async with serving(engine, keys_file=keys) as running:
        yield running, text_of(header)


def environment(running) -> DeepgramClientEnvironment:
    socket = running.url.replace("http", "ws")
    return DeepgramClientEnvironment(base=running.url, production=socket, agent=socket, agent_rest=running.url)


@asynccontextmanager
async def connected(server, **query):
    running, text = server
    client = AsyncDeepgramClient(api_key=text, environment=environment(running))
    async with client.listen.v1.connect(**RAW, **query) as connection:
        yield connection


async def until(connection, wanted, kept=None):
    """The next message of that type; those before it are kept."""
    while True:
        message = await asyncio.wait_for(connection.recv(), 60)
        if kept is not None:
            kept.append(message)
        if isinstance(message, wanted):
            return message


def said(messages, channel=0):
    finals = [m for m in messages if isinstance(m, ListenV1Results) and m.is_final and m.channel_index[0] == channel]
    return " ".join(m.channel.alternatives[0].transcript for m in finals)


async def test_one_channel_with_interim_results_events_and_the_metadata_at_the_end(server, sentence):
    audio = pcm(sentence) + bytes(2 * HALF_SECOND * 6)
    told = []
    async with connected(
        server,
        interim_results=True,
        vad_events=True,
        utterance_end_ms=1000,
        punctuate=True,
        endpointing=300,
        language="en-US",
    ) as connection:
        first, *rest = chunks(audio, 5 * HALF_SECOND)
        await connection.send_media(first)
        await until(connection, ListenV1Results, told)  # before what follows, which would make finals of it at once
        for chunk in rest:
            await connection.send_media(chunk)
        await connection.send_close_stream()
        last = await until(connection, ListenV1Metadata, told)
    results = [message for message in told if isinstance(message, ListenV1Results)]
    assert [message for message in results if not message.is_final], "no interim result"
    words = [word for message in results if message.is_final for word in message.channel.alternatives[0].words]
    assert all(0 <= word.confidence <= 1 and word.start <= word.end for word in words)
    assert " ".join(word.punctuated_word for word in words) == said(told).strip()
    assert results[-1].speech_final
    assert results[0].metadata.model_info.name == "tiny.en"
    started = next(message for message in told if isinstance(message, ListenV1SpeechStarted))
    assert told.index(started) < told.index(results[0])
    *_, ended = [message for message in told if isinstance(message, ListenV1UtteranceEnd)]
    assert ended.last_word_end == words[-1].end
    assert last.duration == pytest.approx(len(audio) / 32_000, abs=0.01)
    running, _ = server
    assert last.request_id in running.app[SESSIONS]._sessions


async def test_two_channels_have_results_of_their_own(server, dual_consultation):
    audio = pcm(dual_consultation[:, : 16_000 * 12])
    told = []
    async with connected(server, channels=2, multichannel=True) as connection:
        for chunk in chunks(audio, 4 * HALF_SECOND):
            await connection.send_media(chunk)
        await connection.send_close_stream()
        await until(connection, ListenV1Metadata, told)
    assert "Good morning" in said(told, 0)
    assert "sore throat" in said(told, 1)
    assert {tuple(m.channel_index) for m in told if isinstance(m, ListenV1Results)} == {(0, 2), (1, 2)}


async def test_finalize_keep_alive_and_keyterm(server, sentence):
    running, _ = server
    async with connected(server, keyterm=["atorvastatin", "Okonkwo"]) as connection:
        await connection.send_keep_alive()
        await connection.send_media(pcm(sentence))
        await connection.send_finalize()
        told = []
        while not (told and told[-1].from_finalize):
            await until(connection, ListenV1Results, told)
        assert len(said(told).split()) > 3
        await connection.send_close_stream()
        last = await until(connection, ListenV1Metadata)
    assert last.duration == pytest.approx(len(sentence) / 16_000, abs=0.01)
    session = running.app[SESSIONS]._sessions[last.request_id]
    assert session.owner == "key:ward-3"
    assert session.options.vocabulary == ("atorvastatin", "Okonkwo")


async def test_a_wrong_key_is_an_error_of_the_sdk(server):
    running, _ = server
    client = AsyncDeepgramClient(api_key="drt_wrong_key", environment=environment(running))
    with pytest.raises(ApiError) as refused:
        async with client.listen.v1.connect(**RAW):
            pass
    assert refused.value.status_code == 401


async def test_an_encoding_that_is_not_served_is_an_error_of_the_sdk(server):
    running, text = server
    client = AsyncDeepgramClient(api_key=text, environment=environment(running))
    with pytest.raises(ApiError) as refused:
        async with client.listen.v1.connect(**{**RAW, "encoding": "opus"}):
            pass
    assert refused.value.status_code == 400


async def test_the_blocking_client_of_the_sdk_works_too(server, sentence):
    running, text = server

    def transcribe():
        client = DeepgramClient(api_key=text, environment=environment(running))
        with client.listen.v1.connect(**RAW) as connection:
            connection.send_media(pcm(sentence))
            connection.send_close_stream()
            return list(connection)

    told = await asyncio.to_thread(transcribe)
    assert len(said(told).split()) > 3
    assert isinstance(told[-1], ListenV1Metadata)


async def test_a_message_that_the_server_cannot_take_breaks_no_client(server, sentence):
    async with connected(server) as connection:
        await connection._send("this is not JSON")
        await connection.send_media(pcm(sentence))
        await connection.send_close_stream()
        told = []
        await until(connection, ListenV1Metadata, told)
    assert told[0] is None, "this SDK has no type for an error"
    assert len(said(told[1:]).split()) > 3
