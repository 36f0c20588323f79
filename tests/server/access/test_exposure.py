"""A server does not listen for others without keys and TLS, unless the operator says who provides them."""

import pytest

from server.access.exposure import OPEN, check_exposure
from server.guards.hosts import is_loopback
from server.settings import Settings, SettingsError

TLS = {"tls_cert": "cert.pem", "tls_key": "key.pem"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost."])
def test_on_loopback_no_keys_are_needed_and_the_start_says_so(host):
    assert is_loopback(host)
    assert check_exposure(Settings(host=host)) == [OPEN]
    assert check_exposure(Settings(host=host, keys_file="keys.json")) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "scribe.example", "127.0.0.1.evil.example", ""])
def test_every_other_address_is_public(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("given", "lacks"),
    [
        ({}, ["--keys-file", "--tls-cert"]),
        ({"keys_file": "k"}, ["--tls-cert"]),
        (TLS, ["--keys-file"]),
        ({"behind_proxy": "tls"}, ["--keys-file"]),
        ({"behind_proxy": "access"}, ["--tls-cert"]),
        ({"keys_file": "k", "behind_proxy": "access"}, ["--tls-cert"]),
    ],
)
def test_a_public_address_without_keys_or_tls_is_refused_with_what_to_give(given, lacks):
    with pytest.raises(SettingsError) as refused:
        check_exposure(Settings(host="0.0.0.0", **given))
    assert len(refused.value.faults) == len(lacks)
    for fault, flag in zip(refused.value.faults, lacks, strict=True):
        assert fault.startswith("--host 0.0.0.0: ")
        assert flag in fault


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"keys_file": "k", **TLS}, 0),
        ({"keys_file": "k", "behind_proxy": "tls"}, 1),
        ({"behind_proxy": "access,tls"}, 2),
        ({"behind_proxy": "tls", "user_header": "X-Forwarded-User", "trusted_proxy": "10.0.0.7/32"}, 1),
    ],
)
def test_a_public_address_with_both_is_allowed_and_what_a_proxy_provides_is_said(given, said):
    assert len(check_exposure(Settings(host="0.0.0.0", **given))) == said
