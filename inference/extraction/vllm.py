"""Findings from an instruct model behind an OpenAI-compatible address, built for vLLM. The only import of openai."""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import openai
from pydantic import BaseModel, Field, ValidationError

from inference.extraction import Consultation, ExtractionError
from inference.extraction.prompt import BYTES_PER_TOKEN, RULES, Message, prompts
from inference.extraction.schema import ANSWER_SCHEMA, read_answer
from inference.findings import Proposal

CONNECT_TIMEOUT_S = 1.0
WINDOW_TOKENS = 32_768
"""Taken for the model's window where the server does not tell `max_model_len` (vLLM does)."""


class _ModelCard(BaseModel):
    id: str
    max_model_len: int | None = None


class _Models(BaseModel):
    data: list[_ModelCard] = Field(min_length=1)


class _Reply(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Reply
    finish_reason: str | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class _Served:
    model: str
    window_tokens: int


AnswerT = TypeVar("AnswerT", bound=BaseModel)


class VllmExtractor:
    """Asks a model server for the operations of the new segments; one instance serves all consultations at once.

    `base_url` is the OpenAI-compatible root, as in "http://127.0.0.1:8000/v1"; without `model` the first served one is
    asked. `timeout_s` bounds one request with its retries. Raises ValueError if `base_url` is no such address.

    Whitespace in the answer is the server's to forbid, and a model may loop on it where the grammar allows it: start
    vLLM with `--structured-outputs-config '{"backend": "xgrammar", "disable_any_whitespace": true}'`.
    """

    name = "vllm"

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        max_tokens: int = 2048,
    ) -> None:
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("the extraction server's address must look like http://HOST:PORT/v1")
        # Not netloc: it may hold a password.
        self._where = f"{address.hostname}:{address.port}" if address.port else address.hostname
        self._model = model
        self._timeout_s = timeout_s
        self._max_tokens = max_tokens
        self._served: _Served | None = None
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or "none",  # None would send whatever OPENAI_API_KEY holds
            max_retries=2,
            timeout=openai.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S),
            # A patient's words go to the address that was named: through no proxy of the environment, by no redirect.
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False, follow_redirects=False),
        )
        logging.getLogger("openai").setLevel(logging.WARNING)  # openai 2 logs whole requests at DEBUG

    async def start(self) -> None:
        """Finds the model, has the server compile the schema and compute the part of the prompt that all share.

        Raises ExtractionError if the server does not answer; `extract` may be tried all the same, and asks again.
        """
        served = await self._find_model()
        warm_up: list[Message] = [{"role": "system", "content": RULES}, {"role": "user", "content": "Transcript:\n"}]
        await self._complete(served, warm_up, max_tokens=1)

    async def extract(self, consultation: Consultation) -> list[Proposal]:
        """Proposals for the new segments, quotes unchecked. Cancelling closes the request, so that vLLM drops it.

        Raises ExtractionError for whatever the server does or fails to do; what it answered before is dropped then.
        """
        proposals: list[Proposal] = []
        if consultation.new_from >= len(consultation.segments):
            return proposals
        served = self._served or await self._find_model()
        budget_bytes = (served.window_tokens - self._max_tokens) * BYTES_PER_TOKEN
        for messages in prompts(consultation, budget_bytes):
            choice = await self._complete(served, messages, self._max_tokens)
            if choice.finish_reason == "length":
                raise self._failure(
                    f"gave an answer of more than {self._max_tokens} tokens: start vLLM with disable_any_whitespace in "
                    "--structured-outputs-config, or serve a larger model"
                )
            proposals += read_answer(choice.message.content or "", consultation.findings)
        return proposals

    async def close(self) -> None:
        await self._client.close()

    async def _find_model(self) -> _Served:
        cards = (await self._answer(self._client.get("/models", cast_to=str), _Models)).data
        card = next((card for card in cards if self._model in (None, card.id)), None)
        if card is None:
            names = ", ".join(card.id for card in cards)
            raise self._failure(f"does not serve the model {self._model}: choose from {names}")
        self._served = _Served(card.id, card.max_model_len or WINDOW_TOKENS)
        return self._served

    async def _complete(self, served: _Served, messages: Sequence[Message], max_tokens: int) -> _Choice:
        body = {
            "model": served.model,
            "messages": messages,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "operations", "schema": ANSWER_SCHEMA, "strict": True},
            },
            "temperature": 0,
            "max_tokens": max_tokens,
            "chat_template_kwargs": {"enable_thinking": False},
        }
        # As text and not as openai's own ChatCompletion, which it builds from any JSON without checking a field.
        request = self._client.post("/chat/completions", cast_to=str, body=body)
        return (await self._answer(request, _Completion)).choices[0]

    async def _answer(self, request: Awaitable[str], shape: type[AnswerT]) -> AnswerT:
        try:
            # The client's own limit is on the silence between two reads, and starts anew with each retry.
            async with asyncio.timeout(self._timeout_s):
                return shape.model_validate_json(await request)
        except openai.APIStatusError as error:
            problem = _refusal(error.status_code)
        except (openai.APITimeoutError, TimeoutError):
            problem = f"did not answer within {self._timeout_s:g} s: start vLLM there, or give it less to do"
        except openai.APIConnectionError:
            problem = "does not answer: start vLLM there or unset --vllm-url"
        except (openai.OpenAIError, ValidationError):
            problem = "speaks no OpenAI-compatible JSON: --vllm-url must name vLLM's address, ending in /v1"
        self._served = None  # it may come back with another model
        # Raised out here: the errors above hold the request and the answer, and would travel along as the context.
        raise self._failure(problem)

    def _failure(self, problem: str) -> ExtractionError:
        return ExtractionError(f"extraction server at {self._where} {problem}; findings come from the rules meanwhile")


def _refusal(status: int) -> str:
    if status in (401, 403):
        return f"refuses the API key (HTTP {status}): give the key that vLLM was started with"
    if status == 404:
        return "does not know the path or the model (HTTP 404): --vllm-url must end in /v1"
    if status in (400, 422):
        return f"refuses the request (HTTP {status}): use vLLM 0.12 or newer, with --max-model-len 8192 or more"
    if status < 400:
        return f"redirects elsewhere (HTTP {status}): name its own address in --vllm-url"
    return f"fails (HTTP {status}): read its log, start it again or unset --vllm-url"
