"""Everything settable of a server: flag > environment (DRTRANSCRIBE_*) > TOML file > default."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    IPvAnyNetwork,
    NonNegativeInt,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from inference.config import SegmenterConfig
from inference.weights.models import default_cache
from server.guards.hosts import ANY, is_loopback, parse_host, parse_origin, socket_origin

ENV_PREFIX = "DRTRANSCRIBE_"

_SEGMENTER = SegmenterConfig()


class SettingsError(ValueError):
    """Wrong settings; `faults` has one line for each, and none repeats a secret."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _one_device(value: object) -> object:
    """The only part of the value, for the type to judge. Raises ValueError where it names several GPUs."""
    parts = _comma_separated(value)
    if not isinstance(parts, list | tuple):
        return value
    twice = next((part for part in parts if parts.count(part) > 1), None)
    if twice is not None:
        raise ValueError(f"GPU {twice} is named twice: name one GPU, once")
    if len(parts) > 1:
        raise ValueError(
            f"{len(parts)} GPUs are named, and a server uses one: start a server for each GPU, every one with a "
            "CUDA_VISIBLE_DEVICES and a --port of its own (docs/deploy.md)"
        )
    return parts[0] if parts else None


def _hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name != ANY and parse_host(name) is None:
            raise ValueError("give names such as scribe.example or scribe.example:8765, or *")
    return names


def _origins(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name != ANY and parse_origin(name) is None:
            raise ValueError(
                "give origins such as https://emr.example, without a path, chrome-extension://ID for an extension, or *"
            )
    return names


_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def _duration(value: object) -> object:
    """Seconds of a duration such as 90, 90s, 30m, 1h or 7d."""
    found = re.fullmatch(r"([0-9.]+) ?([smhd]?)", value.strip()) if isinstance(value, str) else None
    if found is None:
        return value
    try:
        return float(found[1]) * _UNITS[found[2]]
    except ValueError:
        return value


def _header(name: str | None) -> str | None:
    if name is not None and not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name):
        raise ValueError("give the name of a header, such as X-Forwarded-User")
    if name is not None and name.lower() in ("authorization", "cookie", "host", "origin"):
        raise ValueError("this header comes from clients: name one that the proxy alone sets, such as X-Forwarded-User")
    return name


def _addresses(urls: tuple[str, ...]) -> tuple[str, ...]:
    for url in urls:
        if socket_origin(url) == "":
            raise ValueError("give WebSocket addresses such as wss://scribe-2.example/ws")
    return urls


def _store(where: str) -> str:
    if where != "memory" and not where.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("give memory, redis://HOST:6379/0, or rediss://HOST:6379/0 for TLS")
    return where


class Settings(BaseSettings):
    """Settings of one server. A field's description is also the help of its flag."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 for every interface.")
    port: int = Field(8765, ge=0, le=65535, description="Port to listen on; 0 for any free one.")

    model: str | None = Field(None, description="Whisper: a folder, a hub id, or a bundled package (tiny.en, base).")
    models_dir: Path = Field(default_factory=default_cache, description="Folder where bundled models are put together.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where models run: auto, cpu or cuda.")
    devices: Annotated[NonNegativeInt | None, NoDecode, BeforeValidator(_one_device)] = Field(
        None, description="GPU to use, by index: 0 is the first, and the default. One server uses one GPU."
    )
    compute_type: str | None = Field(None, description="CTranslate2's number type: int8, float16, ...")
    language: str = Field(
        "en",
        pattern=r"^(auto|[a-z]{2,3})$",
        description="Language spoken, where a client names none: a code such as en, or auto.",
    )
    asr_workers: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Decoders side by side; if not given, 3 on a GPU, and measured at start on a CPU.",
    )
    asr_threads: int | None = Field(None, ge=1, le=256, description="CPU threads of each decoder; measured likewise.")
    asr_max_batch: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Most segments decoded at once by one decoder; if not given, 32 on a GPU and 4 on a CPU.",
    )
    asr_timestamps: bool | None = Field(
        None,
        description="Timestamp tokens in finals; on a GPU they cost more than they help: on a CPU only, if not given.",
    )
    vocabulary: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_comma_separated)] = Field(
        (), description="Files of names that are said here, and how they sound (docs/deploy.md); with commas."
    )
    pause_s: float = Field(_SEGMENTER.pause_s, description="Silence that ends a long segment, in seconds.")
    short_pause_s: float = Field(
        _SEGMENTER.short_pause_s, description="Silence that ends a segment of a few words, in seconds."
    )
    max_segment_s: float = Field(_SEGMENTER.max_segment_s, description="Longest segment, in seconds.")

    vllm_url: HttpUrl | None = Field(None, description="vLLM's address, such as http://127.0.0.1:8000/v1.")
    vllm_model: str | None = Field(None, description="Model that vLLM serves; the first that it lists, if not given.")
    vllm_api_key: SecretStr | None = Field(None, description="vLLM's key; the environment hides it better than a flag.")
    vllm_ca: Path | None = Field(
        None,
        description="File of the authorities (PEM) that vLLM's certificate at https:// is checked against; the public "
        "ones, if not given.",
    )
    vllm_timeout_s: float = Field(
        30, gt=0, description="Seconds for an answer of vLLM; then it is asked again, about fewer segments at once."
    )

    # NoDecode: the environment has it as a list with commas, not as JSON.
    allowed_origins: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_comma_separated), AfterValidator(_origins)
    ] = Field(
        (),
        description="Origins of browser pages, besides the server's own, and of extensions (chrome-extension://ID) "
        "that may connect, or *; with commas.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated), AfterValidator(_hosts)] = (
        Field((), description="Names, besides localhost and --host, that clients may reach the server by, or *.")
    )
    keys_file: Path | None = Field(
        None, description="File of keys (drtranscribe keys create); every client then needs one, or a --user-header."
    )
    trusted_proxy: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_comma_separated)] = Field(
        (), description="Networks (CIDR) of proxies whose X-Forwarded-For and --user-header are believed; with commas."
    )
    user_header: Annotated[str | None, AfterValidator(_header)] = Field(
        None, description="Header in which a --trusted-proxy names the user whom it signed in: X-Forwarded-User."
    )
    behind_proxy: Annotated[tuple[Literal["access", "tls"], ...], NoDecode, BeforeValidator(_comma_separated)] = Field(
        (), description="What a proxy before a public address provides: access (who comes in), tls, or access,tls."
    )
    tls_cert: Path | None = Field(
        None, description="Certificate chain (PEM) to serve HTTPS with; SIGHUP reads it again."
    )
    tls_key: Path | None = Field(None, description="Private key (PEM, without a password) of --tls-cert.")
    sign_in_s: float = Field(43_200, ge=60, description="Seconds that a sign-in on the page lasts.")
    secret_file: Path | None = Field(
        None,
        description="File of the secret that signs sign-ins and tickets; made if missing, shared by several servers.",
    )
    key_sessions: int | None = Field(
        None, ge=1, description="Sessions at once of one key or user; any number if not given."
    )
    key_connections_per_minute: int = Field(
        600, ge=1, description="Requests and connections a minute of one key or user."
    )
    key_bytes_per_minute: int = Field(
        500_000_000, ge=4_000_000, description="Bytes a minute that one key or user may send in all its sessions."
    )
    viewers_per_session: int = Field(100, ge=0, description="Read-only viewers of one session at once; 0 for none.")
    key_viewers: int = Field(200, ge=1, description="Read-only viewers at once of one key or user, in all sessions.")
    retention: Annotated[float, BeforeValidator(_duration)] = Field(
        3600, ge=0, description="How long an ended session and its record are kept: seconds, or 90s, 30m, 1h, 7d."
    )
    store: Annotated[str, AfterValidator(_store)] = Field(
        "memory", description="Where sessions outlive this server: memory (nowhere), redis://HOST or rediss://HOST."
    )
    store_key_file: Path | None = Field(None, description="File of the key (32 bytes) that encrypts what is stored.")
    addresses: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated), AfterValidator(_addresses)] = (
        Field((), description="WebSocket addresses of the servers of the same store, told to clients; with commas.")
    )
    legacy: bool = Field(False, description="Serve the extension of the public drTranscribe, which has no keys.")
    legacy_users: Path | None = Field(
        None, description="File (SQLite) of the doctors that --legacy registers; in memory, if not given."
    )
    max_files: int = Field(
        8, ge=0, description="Recordings at once that are received or transcribed by POST /v1/audio/transcriptions."
    )
    max_file_bytes: int = Field(
        100_000_000, ge=1, description="Largest recording, in bytes; it is held in memory, and never on a disk."
    )
    max_file_s: float = Field(14_400, gt=0, description="Longest recording, in seconds.")
    max_connections: int | None = Field(
        None, ge=1, description="Connections at once; 4096 or what open files allow, if not given."
    )
    max_connections_per_address: int = Field(
        256, ge=1, description="Connections without a session that one address, such as a proxy's, may hold."
    )
    request_timeout_s: float = Field(10, gt=0, description="Seconds for a request's line and headers to arrive.")
    max_sessions: int | None = Field(
        None, ge=1, description="Consultations at once; measured at warm-up, if not given. More are refused."
    )
    queue_chunks: int = Field(8, ge=1, description="Chunks of audio that may wait in a session.")
    first_message_timeout_s: float = Field(15, gt=0, description="Seconds for a client to say start or resume.")
    first_audio_timeout_s: float = Field(
        10, gt=0, description="Seconds that a session without any audio keeps its place when its client is gone."
    )
    idle_timeout_s: float = Field(60, gt=0, description="Seconds without a message that end a session.")
    max_session_s: float = Field(14_400, gt=0, description="Longest consultation, in seconds.")
    resume_ttl_s: float = Field(120, ge=0, description="Seconds that a lost session waits to be resumed.")
    send_timeout_s: float = Field(30, gt=0, description="Seconds for a client to read; then its socket is closed.")
    shutdown_grace_s: float = Field(20, ge=0, description="Seconds for sessions to drain when the server stops.")
    switch_interval_s: float | None = Field(
        None,
        gt=0,
        le=0.1,
        description="Seconds that a Python thread may run while others wait; if not given, 0.0005 on a GPU or 0.005.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["console", "json"] = Field(
        "console", description="How a line of the log looks: for people, or as JSON for a log store."
    )
    metrics_host: str = Field("127.0.0.1", min_length=1, description="Address of --metrics-port.")
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port for /metrics and /health/ready in detail, which --port does not tell any more; 0 for any.",
    )
    otlp_url: HttpUrl | None = Field(
        None, description="Address that takes traces as OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces."
    )
    audit: Path | None = Field(None, description="File to which the audit trail is appended; a server needs its own.")
    templates: Path | None = Field(
        None, description="Folder of a site's own note templates: Jinja2 in files NAME.txt or NAME.html."
    )

    @model_validator(mode="after")
    def _segmenter_is_sound(self) -> Self:
        self.segmenter()
        return self

    @property
    def metrics_apart(self) -> bool:
        """Whether --port keeps the metrics and the details of readiness to itself: a public address always does."""
        return self.metrics_port is not None or not is_loopback(self.host)

    def segmenter(self) -> SegmenterConfig:
        """When a final is cut. Raises ValueError where the settings do not fit together."""
        return replace(
            _SEGMENTER,
            pause_s=self.pause_s,
            short_pause_s=max(self.pause_s, self.short_pause_s),
            max_segment_s=self.max_segment_s,
            held_s=min(_SEGMENTER.held_s, self.max_segment_s / 2),
            lead_s=max(0.0, min(_SEGMENTER.lead_s, 28.0 - self.max_segment_s)),
        )

    @model_validator(mode="after")
    def _access_is_whole(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("--tls-cert and --tls-key belong together: give both, or neither")
        if self.user_header is not None and not self.trusted_proxy:
            raise ValueError("--user-header needs --trusted-proxy: the networks of the proxies that set the header")
        if any(network.prefixlen == 0 for network in self.trusted_proxy):
            raise ValueError("--trusted-proxy names every address: name the proxy's own, such as 10.0.3.7/32")
        return self

    @model_validator(mode="after")
    def _devices_are_of_a_gpu_host(self) -> Self:
        if self.devices is not None and self.device == "cpu":
            raise ValueError("--devices names a GPU and --device is cpu: leave one of the two out")
        return self


def load(flags: Mapping[str, Any] | None = None, config: Path | None = None) -> Settings:
    """Settings from the flags that were given, the environment and the TOML file `config`. Raises SettingsError."""
    given = {name: value for name, value in (flags or {}).items() if value is not None}

    class Layered(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=config)

    if config is not None and not config.is_file():  # the source above passes over a file that is not there
        raise SettingsError([f"--config: there is no file {config}"])
    try:
        return Layered(**given)
    except ValidationError as error:
        raise SettingsError([_fault(fault, given, config) for fault in error.errors()]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"--config: {config} is not TOML: {error}"]) from None
    except OSError as error:
        raise SettingsError([f"--config: cannot read {config}: {error.strerror}"]) from None


def _fault(error: ErrorDetails, flags: Mapping[str, Any], config: Path | None) -> str:
    name = str(error["loc"][0]) if error["loc"] else ""
    message = str(error["msg"]).removeprefix("Value error, ")
    if not name:
        return message
    if error["type"] == "extra_forbidden":
        near = get_close_matches(name, Settings.model_fields, n=1)
        return f"{name} in {config}: there is no such setting" + (f"; did you mean {near[0]}?" if near else "")
    variable = f"{ENV_PREFIX}{name.upper()}"
    if name in flags:
        where = f"--{name.replace('_', '-')}"
    elif variable in map(str.upper, os.environ):
        where = variable
    else:
        where = f"{name} in {config}"
    return f"{where}: {message}"
