"""The server's own TLS: HTTPS on the same port, a certificate that is replaced while it serves, and who is counted."""

import asyncio
import contextlib
import ssl

import pytest

from server.access.tls import Certificate
from server.app import METRICS
from server.settings import SettingsError
from tests.support.access import Notes, key, text_of
from tests.support.live import serving, until
from tests.support.tools import certificate


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls"), "server", "server")


def name_of(context):
    """The common name that a server with this context shows."""
    shown, hidden = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(hidden, shown, server_side=True)
    asking = ssl.create_default_context()
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    client = asking.wrap_bio(shown, hidden)
    for _ in range(4):
        for end in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    der = client.getpeercert(binary_form=True)
    return next(name for name in ("server", "other") if name.encode() in der)


async def test_a_consultation_over_our_own_tls_and_browsers_are_told_to_keep_to_it(files, tmp_path):
    header = key(tmp_path / "keys.json", "ward-3")
    async with serving(tls_cert=files[0], tls_key=files[1], keys_file=tmp_path / "keys.json") as server:
        assert server.url.startswith("https://")
        async with server.http.get(server.url + "/") as response:
            assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
        async with server.http.post(server.url + "/v1/sign-in", json={"key": text_of(header)}) as response:
            assert "; Secure" in response.headers["Set-Cookie"]
        async with server.connect(headers=header, origin=server.url) as client:
            await client.start()
            await client.say(bytes(96_000))
            assert (await client.finish())["audio_s"] == 3.0


async def test_without_our_tls_browsers_are_told_nothing_of_it():
    async with serving() as server, server.http.get(server.url + "/") as response:
        assert "Strict-Transport-Security" not in response.headers


async def test_plain_text_at_a_tls_port_is_dropped_and_noted_and_leaves_no_count(files):
    notes = Notes()
    async with serving(audit_trail=notes, tls_cert=files[0], tls_key=files[1]) as server:
        before = len(server.door)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        await until(lambda: len(server.door) == before + 1)  # counted in its handshake already
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP/1.1 200" not in await reader.read()
        writer.close()
        await until(lambda: len(server.door) == before)
        assert server.app[METRICS].refused.labels("tls_failed")._value.get() == 1
        assert notes.lines == [("refused", "anonymous", "tls_failed")]
        assert (await server.get("/health/live"))[0] == 200


async def test_a_client_that_leaves_in_its_handshake_is_forgotten(files):
    async with serving(tls_cert=files[0], tls_key=files[1]) as server:
        before = len(server.door)
        _, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        await until(lambda: len(server.door) == before + 1)
        writer.transport.abort()
        await until(lambda: len(server.door) == before)


def test_a_new_certificate_is_used_and_a_bad_one_is_not(files, tmp_path, caplog):
    cert, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(files[0].read_bytes())
    private.write_bytes(files[1].read_bytes())
    own = Certificate(cert, private)
    assert name_of(own.context) == "server"
    other = certificate(tmp_path, "other", "other")
    cert.write_bytes(other[0].read_bytes())
    assert not own.reload(), "the key is still that of the first"
    assert name_of(own.context) == "server"
    cert.write_text("no certificate")
    assert not own.reload()
    cert.unlink()
    assert not own.reload()
    assert [record.message.partition(": ")[0] for record in caplog.records] == [
        "the new certificate is not used, the one before stays"
    ] * 3
    assert "is not the key of the certificate" in caplog.records[0].message
    cert.write_bytes(other[0].read_bytes())
    private.write_bytes(other[1].read_bytes())
    assert own.reload()
    assert name_of(own.context) == "other"


def test_files_that_cannot_be_used_are_told_before_the_server_starts(files, tmp_path):
    (tmp_path / "empty.pem").touch()
    for cert, private, told in (
        (tmp_path / "none.pem", files[1], "cannot be read: No such file"),
        (tmp_path / "empty.pem", files[1], "are no certificate and key in PEM"),
        (files[0], certificate(tmp_path, "other", "other")[1], "is not the key of the certificate"),
    ):
        with pytest.raises(SettingsError, match=told):
            Certificate(cert, private)
