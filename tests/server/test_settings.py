from pathlib import Path

import pytest

from server.settings import Settings, SettingsError, load


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.upper().startswith("DRTRANSCRIBE_"):
            monkeypatch.delenv(name)


def toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "server.toml"
    path.write_text(text)
    return path


def faults(*, config: Path | None = None, **flags: object) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(flags, config)
    return caught.value.faults


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toml(tmp_path, 'port = 1000\nmax_sessions = 2\nlanguage = "de"\n')
    monkeypatch.setenv("DRTRANSCRIBE_PORT", "2000")
    monkeypatch.setenv("DRTRANSCRIBE_MAX_SESSIONS", "3")
    settings = load({"port": "3000", "max_sessions": None}, config)
    assert (settings.port, settings.max_sessions, settings.language, settings.queue_chunks) == (3000, 3, "de", 8)


def test_every_setting_can_be_set_by_environment_and_explains_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(field.description for field in Settings.model_fields.values())
    monkeypatch.setenv("DRTRANSCRIBE_VLLM_URL", "http://127.0.0.1:8000/v1")
    monkeypatch.setenv("DRTRANSCRIBE_MODELS_DIR", "/srv/models")
    settings = load()
    assert str(settings.vllm_url) == "http://127.0.0.1:8000/v1"
    assert settings.models_dir == Path("/srv/models")


def test_each_wrong_value_is_one_line_that_names_its_flag() -> None:
    assert faults(port="99999", device="tpu", max_sessions="many") == [
        "--port: Input should be less than or equal to 65535",
        "--device: Input should be 'auto', 'cpu' or 'cuda'",
        "--max-sessions: Input should be a valid integer, unable to parse string as an integer",
    ]


def test_a_fault_names_the_variable_or_the_file_that_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toml(tmp_path, 'language = "English"\n')
    monkeypatch.setenv("DRTRANSCRIBE_PORT", "tcp://10.0.0.1:8765")
    port, language = faults(config=config)
    assert port.startswith("DRTRANSCRIBE_PORT: ")
    assert language.startswith(f"language in {config}: ")


def test_an_unknown_setting_in_the_file_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    config = toml(tmp_path, "max_sesions = 3\n")
    assert faults(config=config) == [f"max_sesions in {config}: there is no such setting; did you mean max_sessions?"]


def test_a_config_file_that_is_missing_or_not_toml_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    assert faults(config=missing) == [f"--config: there is no file {missing}"]
    broken = toml(tmp_path, "port 8765")
    assert faults(config=broken)[0].startswith(f"--config: {broken} is not TOML: ")


def test_segments_longer_than_whisper_hears_are_refused() -> None:
    (line,) = faults(max_segment_s="40")
    assert "max_segment_s <= 28" in line


def test_the_longest_segment_and_what_is_heard_before_it_fit_what_whisper_hears() -> None:
    for longest_s, lead_s in (("8", 4.0), ("26", 2.0), ("28", 0.0)):
        assert load({"max_segment_s": longest_s}).segmenter().lead_s == lead_s


def test_no_segment_ends_sooner_for_being_short() -> None:
    assert load({"pause_s": 2.0}).segmenter().short_pause_s == 2.0
    assert load({"pause_s": 0.6, "short_pause_s": 1.1}).segmenter().short_pause_s == 1.1


def test_lists_are_written_with_commas_in_flags_and_environment_and_as_lists_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = ("https://a.example", "https://b.example")
    config = toml(tmp_path, 'allowed_origins = ["https://a.example", "https://b.example"]\n')
    assert load({}, config).allowed_origins == both
    assert load({"allowed_origins": "https://a.example, https://b.example"}).allowed_origins == both
    monkeypatch.setenv("DRTRANSCRIBE_ALLOWED_ORIGINS", "*")
    assert load({}, config).allowed_origins == ("*",)


def test_the_key_of_vllm_is_in_no_fault_and_no_representation() -> None:
    assert "hunter2" not in repr(load({"vllm_api_key": "hunter2"}))
    assert "hunter2" not in "".join(faults(vllm_api_key=["hunter2"]))


SEVERAL = (
    "2 GPUs are named, and a server uses one: start a server for each GPU, every one with a "
    "CUDA_VISIBLE_DEVICES and a --port of its own (docs/deploy.md)"
)


def test_one_gpu_is_named_by_its_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().devices is None
    assert load({"devices": "2"}).devices == 2
    assert load({}, toml(tmp_path, "devices = 1\n")).devices == 1
    assert load({}, toml(tmp_path, "devices = [1]\n")).devices == 1
    monkeypatch.setenv("DRTRANSCRIBE_DEVICES", "3")
    assert load().devices == 3
    monkeypatch.setenv("DRTRANSCRIBE_DEVICES", "")
    assert load().devices is None


def test_several_gpus_in_one_server_are_refused_wherever_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = toml(tmp_path, "devices = [0, 1]\n")
    with pytest.raises(SettingsError) as refused:
        load({}, path)
    assert refused.value.faults == [f"devices in {path}: {SEVERAL}"]
    monkeypatch.setenv("DRTRANSCRIBE_DEVICES", "0,1")
    with pytest.raises(SettingsError) as refused:
        load()
    assert refused.value.faults == [f"DRTRANSCRIBE_DEVICES: {SEVERAL}"]


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ({"devices": "1,1"}, "--devices: GPU 1 is named twice: name one GPU, once"),
        ({"devices": "0,1"}, f"--devices: {SEVERAL}"),
        ({"devices": "-1"}, "--devices: Input should be greater than or equal to 0"),
        ({"devices": "cuda:0"}, "--devices: Input should be a valid integer, unable to parse string as an integer"),
        ({"devices": "0", "device": "cpu"}, "--devices names a GPU and --device is cpu: leave one of the two out"),
        ({"send_timeout_s": "0"}, "--send-timeout-s: Input should be greater than 0"),
        (
            {"allowed_hosts": "http://scribe.example"},
            "--allowed-hosts: give names such as scribe.example or scribe.example:8765, or *",
        ),
        (
            {"allowed_origins": "emr.example"},
            "--allowed-origins: give origins such as https://emr.example, without a path, "
            "chrome-extension://ID for an extension, or *",
        ),
        ({"max_sessions": "0"}, "--max-sessions: Input should be greater than or equal to 1"),
    ],
)
def test_what_a_host_cannot_have_is_refused_with_what_to_do(flags: dict[str, str], line: str) -> None:
    assert faults(**flags) == [line]


def test_how_many_sessions_fit_is_measured_unless_the_operator_says() -> None:
    assert load().max_sessions is None
    assert load({"max_sessions": "7"}).max_sessions == 7


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"tls_cert": "c.pem"}, "--tls-cert and --tls-key belong together: give both, or neither"),
        (
            {"user_header": "X-User"},
            "--user-header needs --trusted-proxy: the networks of the proxies that set the header",
        ),
        (
            {"trusted_proxy": "0.0.0.0/0"},
            "--trusted-proxy names every address: name the proxy's own, such as 10.0.3.7/32",
        ),
        ({"trusted_proxy": "10.0.0.1/8"}, "--trusted-proxy: value is not a valid IPv4 or IPv6 network"),
        (
            {"user_header": "Cookie", "trusted_proxy": "::1"},
            "--user-header: this header comes from clients: name one that the proxy alone sets, such as X-Forwarded-User",
        ),
        ({"behind_proxy": "keys"}, "--behind-proxy: Input should be 'access' or 'tls'"),
    ],
)
def test_settings_of_access_that_would_leave_a_gap_are_refused(given: dict[str, str], fault: str) -> None:
    assert faults(**given) == [fault]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("1h", 3600), ("7d", 604_800), (0, 0), ("1.5h", 5400)],
)
def test_a_retention_is_written_in_seconds_or_with_a_unit(written: object, seconds: float) -> None:
    assert load({"retention": written}).retention == seconds
    assert load().retention == 3600


@pytest.mark.parametrize("written", ["1 week", "h", "..s", "-5"])
def test_what_is_no_retention_is_refused(written: str) -> None:
    assert faults(retention=written)[0].startswith("--retention: ")
