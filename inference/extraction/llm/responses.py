"""What an OpenAI-compatible server answers: the fields that are read, and no other."""

from pydantic import BaseModel, Field


class ModelCard(BaseModel):
    """A model that is served. `max_model_len` is its window in tokens; vLLM alone tells it."""

    id: str
    max_model_len: int | None = None


class Models(BaseModel):
    """The answer of `/models`."""

    data: list[ModelCard] = Field(min_length=1)


class Reply(BaseModel):
    """The message that the model wrote."""

    content: str | None = None


class Choice(BaseModel):
    """One answer. `finish_reason` is "length" if it was cut off."""

    message: Reply
    finish_reason: str | None = None


class PromptDetails(BaseModel):
    """How many of the prompt's tokens the prefix cache held; None if the server does not tell."""

    cached_tokens: int | None = None


class Usage(BaseModel):
    """What the request cost, in tokens."""

    prompt_tokens: int
    prompt_tokens_details: PromptDetails | None = None
    """vLLM tells it with `--enable-prompt-tokens-details`."""


class Completion(BaseModel):
    """The answer of `/chat/completions`."""

    choices: list[Choice] = Field(min_length=1)
    usage: Usage | None = None
