"""What an OpenAI-compatible server answers: the fields that are read, and no other."""

from pydantic import BaseModel, Field


class ModelCard(BaseModel):
    id: str
    max_model_len: int | None = None


class Models(BaseModel):
    data: list[ModelCard] = Field(min_length=1)


class Reply(BaseModel):
    content: str | None = None


class Choice(BaseModel):
    message: Reply
    finish_reason: str | None = None


class Usage(BaseModel):
    prompt_tokens: int


class Completion(BaseModel):
    choices: list[Choice] = Field(min_length=1)
    usage: Usage | None = None
