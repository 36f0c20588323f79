"""Findings from an instruct model behind an OpenAI-compatible address, built for vLLM. The only import of openai."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import openai
from pydantic import BaseModel, ValidationError

from inference.extraction import ExtractionError, ExtractionRequest, LateAnswer, Listed, UnusableAnswer
from inference.extraction.llm.listing import FACTS_SCHEMA, listings, read_facts
from inference.extraction.llm.prompt import RULES, Message, prompts
from inference.extraction.llm.responses import Completion, ModelCard, Models
from inference.extraction.llm.schema import ANSWER_SCHEMA, proposals_of, read_answer, whole_items
from inference.findings import Proposal

CONNECT_TIMEOUT_S = 1.0
CHECK_TIMEOUT_S = 3.0
MOST_BYTES = 1_000_000
"""Of an answer: a hundred times what `max_tokens` allow."""

WINDOW_TOKENS = 32_768
"""Taken for the model's window where the server does not tell `max_model_len` (vLLM does)."""

ANSWER_SHARE = 0.25
"""Of the window that an answer may take at most: with a small one the answers are shorter, and not the prompt gone."""

BYTES_PER_TOKEN = 3.0
"""Below what byte-pair vocabularies reach in English (about 4), so that a prompt's tokens are over-estimated. Halved
for a language in which that proves wrong, down to 1, which holds for every text. To have the server count would be one
more round trip for each request, and the same bytes sent twice."""

RULES_BYTES_PER_TOKEN = 3.5
"""For servers that do not count the tokens of a prompt in `usage` (vLLM does)."""

LISTED_AT_ONCE = 4
"""Requests for the parts of one consultation that are under way at a time, so that those of live sessions are answered
soon."""

_OTHER_NAME = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


@dataclass(frozen=True, slots=True)
class _Served:
    model: str
    window_tokens: int
    rules_tokens: int = 0  # of the part of the prompt that all share, as the server counted them


class _TooLong(UnusableAnswer):
    """The prompt has more tokens than were estimated."""


class _Compressed(Exception):
    """The answer is compressed, which was not asked for."""


class _BoundedClient(openai.DefaultAsyncHttpxClient):
    """Reads no more of an answer than `MOST_BYTES`: a server that never ends must not fill the memory."""

    async def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
        request.headers["Accept-Encoding"] = "identity"
        response = await super().send(request, stream=True, **options)
        if stream:
            return response
        body = bytearray()
        try:
            # Compressed bytes tell nothing of how many come out: 895 kB of gzip have become 2.8 GB.
            if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
                raise _Compressed()
            async for part in response.aiter_raw():
                body += part
                if len(body) > MOST_BYTES:
                    break
        finally:
            await response.aclose()
        return type(response)(response.status_code, headers=response.headers, content=bytes(body), request=request)


AnswerT = TypeVar("AnswerT", bound=BaseModel)

_CUT_OFF = (
    "gave an answer of more than {} tokens: start vLLM with disable_any_whitespace in --structured-outputs-config, or "
    "serve a larger model"
)


class VllmExtractor:
    """Asks a model server for the operations of the new segments; one instance serves all consultations at once.

    `base_url` is the OpenAI-compatible root, as in "http://127.0.0.1:8000/v1"; without `model` the first served one is
    asked. `timeout_s` bounds one request with its retries. At https:// the server's certificate and its name are always
    checked: against the certificates of `ca_file` (PEM), or against the public authorities. Raises ValueError if
    `base_url` is no such address, or `ca_file` no such file.

    Whitespace in the answer is the server's to forbid, and a model may loop on it where the grammar allows it: start
    vLLM with `--structured-outputs-config '{"backend": "xgrammar", "disable_any_whitespace": true}'`.
    """

    name = "vllm"
    reviews = True

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        max_tokens: int = 2048,
        ca_file: Path | None = None,
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
        self._introduction: asyncio.Task[_Served] | None = None
        self.prompt_tokens = 0
        """Tokens of all prompts so far, as the server counted them."""
        self.cached_tokens = 0
        """Those of them that the server's prefix cache held, as far as the server tells."""
        self._bytes_per_token: dict[str, float] = {}  # by language, where it was lowered
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or "none",  # None would send whatever OPENAI_API_KEY holds
            max_retries=2,
            timeout=openai.Timeout(None, connect=CONNECT_TIMEOUT_S),  # `_answer` bounds the rest
            # A patient's words go to the address that was named: through no proxy of the environment, by no redirect.
            http_client=_BoundedClient(trust_env=False, follow_redirects=False, verify=_trusting(ca_file)),
        )
        logging.getLogger("openai").setLevel(logging.WARNING)  # openai 2 logs whole requests at DEBUG

    async def start(self) -> None:
        """Finds the model, has the server compile the schema and compute the part of the prompt that all share.

        Raises ExtractionError if the server does not answer; `extract` may be tried all the same, and asks again.
        """
        await self._introduced()

    async def check(self) -> None:
        """Raises ExtractionError unless the server answers now, with the model that it should serve."""
        await self._card(self._client.with_options(max_retries=0), CHECK_TIMEOUT_S)

    async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
        """Proposals for the new segments, with the quotes as the model wrote them.

        Cancelling closes the request, so that vLLM drops it.
        Raises ExtractionError for whatever the server does or fails to do, UnusableAnswer if it did answer, LateAnswer
        if it took longer than `timeout_s`; what it answered before is dropped then.
        """
        if not consultation.segments or (consultation.new_from >= len(consultation.segments) and not consultation.over):
            return []
        served = self._served or await self._introduced()
        while True:
            ratio = self._bytes_per_token.get(consultation.language, BYTES_PER_TOKEN)
            try:
                return await self._read(served, consultation, ratio)
            except _TooLong:
                if ratio <= 1:
                    raise
            self._bytes_per_token[consultation.language] = max(1.0, ratio / 2)

    async def list_facts(self, consultation: ExtractionRequest) -> Listed:
        """Every fact of the consultation with its quotes as the model wrote them, by a request for each few minutes.

        Cancelling closes the requests. Raises ExtractionError.
        """
        served = self._served or await self._introduced()
        max_tokens = min(self._max_tokens, int(served.window_tokens * ANSWER_SHARE))
        asking = asyncio.Semaphore(LISTED_AT_ONCE)

        async def ask(messages: Sequence[Message]) -> list[Proposal]:
            async with asking:
                completion = await self._complete(served.model, messages, max_tokens, "facts", FACTS_SCHEMA)
            choice = completion.choices[0]
            content = choice.message.content or ""
            return read_facts(whole_items(content, "facts") if choice.finish_reason == "length" else content)

        tasks = [asyncio.create_task(ask(messages)) for messages in listings(consultation)]
        try:
            return Listed([fact for facts in await asyncio.gather(*tasks) for fact in facts])
        finally:
            for task in tasks:
                task.cancel()

    async def close(self) -> None:
        """Closes the connections; requests in flight fail."""
        if self._introduction is not None:
            self._introduction.cancel()
        await self._client.close()

    async def _read(self, served: _Served, consultation: ExtractionRequest, bytes_per_token: float) -> list[Proposal]:
        max_tokens = min(self._max_tokens, int(served.window_tokens * ANSWER_SHARE))
        budget_bytes = int((served.window_tokens - max_tokens - served.rules_tokens) * bytes_per_token)
        return await self._proposals(served.model, consultation, budget_bytes, max_tokens)

    async def _proposals(
        self, model: str, consultation: ExtractionRequest, budget_bytes: int, max_tokens: int
    ) -> list[Proposal]:
        """By one request, or by several where there is too much to ask, or to answer, at once."""
        proposals: list[Proposal] = []
        for messages, asked in prompts(consultation, budget_bytes):
            choice = (await self._complete(model, messages, max_tokens)).choices[0]
            content = choice.message.content or ""
            cut_off = choice.finish_reason == "length"
            if cut_off and not (content := whole_items(content, "operations")):
                raise UnusableAnswer(self._complaint(_CUT_OFF.format(max_tokens)))
            answer = read_answer(content)
            if (cut_off or answer.exhausted) and len(asked.segments) - asked.new_from > 1:
                for half in _halves(asked):
                    proposals += await self._proposals(model, half, budget_bytes, max_tokens)
            else:
                proposals += proposals_of(answer, asked.findings)
        return proposals

    async def _introduced(self) -> _Served:
        """The server as it is now. One asks for all who come together after an outage, and they share its failure."""
        if self._introduction is None:
            self._introduction = asyncio.create_task(self._introduce())
            self._introduction.add_done_callback(self._introduction_done)
        return await asyncio.shield(self._introduction)

    def _introduction_done(self, task: "asyncio.Task[_Served]") -> None:
        self._introduction = None
        if not task.cancelled():
            task.exception()  # those who asked may have been cancelled meanwhile

    async def _introduce(self) -> _Served:
        card = await self._card(self._client, self._timeout_s)
        shared: list[Message] = [{"role": "system", "content": RULES}, {"role": "user", "content": "Transcript:\n"}]
        usage = (await self._complete(card.id, shared, max_tokens=1)).usage
        tokens = usage.prompt_tokens if usage else int(len(RULES.encode()) / RULES_BYTES_PER_TOKEN)
        self._served = _Served(card.id, card.max_model_len or WINDOW_TOKENS, tokens)
        return self._served

    async def _card(self, client: openai.AsyncOpenAI, within_s: float) -> ModelCard:
        cards = (await self._answer(client.get("/models", cast_to=str), Models, within_s)).data
        card = next((card for card in cards if self._model in (None, card.id)), None)
        if card is None:
            names = ", ".join(card.id for card in cards)
            raise ExtractionError(self._complaint(f"does not serve the model {self._model}: choose from {names}"))
        return card

    async def _complete(
        self,
        model: str,
        messages: Sequence[Message],
        max_tokens: int,
        name: str = "operations",
        schema: Mapping[str, Any] = ANSWER_SCHEMA,
    ) -> Completion:
        body = {
            "model": model,
            "messages": messages,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": name, "schema": schema, "strict": True},
            },
            "temperature": 0,
            "max_tokens": max_tokens,
            "chat_template_kwargs": {"enable_thinking": False},
        }
        # As text and not as openai's own ChatCompletion, which it builds from any JSON without checking a field.
        answer = self._client.post("/chat/completions", cast_to=str, body=body)
        completion = await self._answer(answer, Completion, self._timeout_s)
        if (usage := completion.usage) is not None:
            self.prompt_tokens += usage.prompt_tokens
            self.cached_tokens += (usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens) or 0
        return completion

    async def _answer(self, request: Awaitable[str], shape: type[AnswerT], within_s: float) -> AnswerT:
        failure: type[ExtractionError] = ExtractionError
        try:
            # The client's own limit would be on the silence between two reads, and start anew with each retry.
            async with asyncio.timeout(within_s):
                return shape.model_validate_json(await request)
        except openai.APIStatusError as error:
            problem = _refusal(error.status_code)
            if error.status_code in (400, 422):  # this request is at fault, and the next may pass
                failure = _TooLong if "context length" in error.message else UnusableAnswer
        except TimeoutError:
            problem = f"did not answer within {within_s:g} s: start vLLM there, or give it less to do"
            failure = LateAnswer
        except (openai.APIConnectionError, _Compressed) as error:
            problem = _untrusted(error) or "does not answer: start vLLM there or unset --vllm-url"
            if isinstance(error, _Compressed) or isinstance(error.__cause__, _Compressed):  # openai 2 wraps it
                problem = "compresses its answers unasked: turn that off in the proxy before vLLM"
        except (openai.OpenAIError, ValidationError):
            problem = "speaks no OpenAI-compatible JSON: --vllm-url must name vLLM's address, ending in /v1"
        if not issubclass(failure, UnusableAnswer):
            self._served = None  # it may come back with another model
        # Raised out here: the errors above hold the request and the answer, and would travel along as the context.
        raise failure(self._complaint(problem))

    def _complaint(self, problem: str) -> str:
        return f"extraction server at {self._where} {problem}"


def _trusting(ca_file: Path | None) -> ssl.SSLContext | bool:
    """What the server's certificate is checked against; True for the public authorities. Raises ValueError."""
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise ValueError(f"{ca_file} holds no certificates: name a file in the PEM format") from None
    except OSError as error:
        raise ValueError(f"{ca_file} cannot be read: {error.strerror}") from None


def _untrusted(error: BaseException) -> str | None:
    """What is wrong with the certificate that the server showed, if that was why the connection failed."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in _OTHER_NAME:
                return "shows a certificate of another name: use in --vllm-url a name that stands in it"
            return f"shows a certificate that is not trusted ({cause.verify_message}): name its issuer with --vllm-ca"
        if isinstance(cause, ssl.SSLError):
            return "speaks no TLS, or none that is safe: check that --vllm-url and vLLM's own settings both say https"
        cause = cause.__cause__ or cause.__context__
    return None


def _halves(consultation: ExtractionRequest) -> tuple[ExtractionRequest, ExtractionRequest]:
    """The same new segments, in two parts."""
    middle = (consultation.new_from + len(consultation.segments)) // 2
    first = replace(consultation, segments=consultation.segments[:middle], over=False)
    return first, replace(consultation, new_from=middle)


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
