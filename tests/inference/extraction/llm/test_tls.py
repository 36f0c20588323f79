"""HTTPS to the extraction server: its certificate and its name are always checked."""

import ssl

import pytest

from inference.extraction import ExtractionError, ExtractionRequest
from inference.extraction.llm.client import VllmExtractor
from inference.transcript import Segment
from tests.support.model_server import answers, as_json, completion, serving_model
from tests.support.tools import certificate


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls"))


def context(pair) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(*pair)
    return made


async def checked(url: str, **options) -> str:
    """What `check` says of the server; nothing if all is well."""
    extractor = VllmExtractor(url, timeout_s=10, **options)
    try:
        await extractor.check()
    except ExtractionError as error:
        return str(error)
    finally:
        await extractor.close()
    return ""


async def test_a_certificate_of_a_named_authority_is_accepted(pair):
    async with serving_model(answers(), tls=context(pair)) as model:
        assert model.url.startswith("https://")
        assert await checked(model.url, ca_file=pair[0]) == ""
        assert await checked(model.url.replace("127.0.0.1", "localhost"), ca_file=pair[0]) == ""


async def test_a_certificate_of_nobody_known_is_refused_and_the_remedy_is_named(pair):
    async with serving_model(answers(), tls=context(pair)) as model:
        told = await checked(model.url)
        assert "shows a certificate that is not trusted (self-signed certificate" in told
        assert "--vllm-ca" in told
        assert model.bodies == model.warm_ups == []


async def test_a_certificate_of_another_name_is_refused(pair, tmp_path):
    other = certificate(tmp_path, "other", "other.example", alone=True)
    async with serving_model(answers(), tls=context(other)) as model:
        told = await checked(model.url, ca_file=other[0])
    assert "shows a certificate of another name: use in --vllm-url a name that stands in it" in told


async def test_a_server_without_tls_is_told_apart_from_one_that_is_gone(pair):
    async with serving_model(answers()) as model:
        told = await checked(model.url.replace("http:", "https:"), ca_file=pair[0])
    assert "speaks no TLS" in told


def test_a_file_without_certificates_is_refused(tmp_path):
    empty = tmp_path / "ca.pem"
    empty.write_text("")
    with pytest.raises(ValueError, match=r"ca.pem holds no certificates: name a file in the PEM format"):
        VllmExtractor("https://vllm.example/v1", ca_file=empty)
    with pytest.raises(ValueError, match=r"none.pem cannot be read: No such file"):
        VllmExtractor("https://vllm.example/v1", ca_file=tmp_path / "none.pem")


async def test_tokens_of_prompts_and_those_of_the_prefix_cache_are_counted():
    usage = [{"prompt_tokens": 700}, {"prompt_tokens": 900, "prompt_tokens_details": {"cached_tokens": 640}}]
    told = iter([*usage, {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": None}}])

    async def answer(_):
        return await as_json(completion({"operations": []}) | {"usage": next(told)})

    async with serving_model(answer) as model:
        model.warm_up = answer
        extractor = VllmExtractor(model.url)
        await extractor.start()
        for _ in range(2):
            await extractor.extract(ExtractionRequest([Segment("s1", "patient", 0.0, 1.0, "I cough.", True)], 0, []))
        await extractor.close()
    assert (extractor.prompt_tokens, extractor.cached_tokens) == (1700, 640)
