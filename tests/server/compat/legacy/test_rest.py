"""The REST endpoints of the legacy contract."""

import json
import logging
import os
import stat

import pytest

from server.settings import SettingsError
from tests.server.compat.legacy.client import extension, legacy_serving
from tests.support.access import Notes, key

DOCTOR = {"name": "Dr. Mei Okonkwo", "phone": "9876543210", "email": "Mei.Okonkwo@Clinic.example"}
EMAIL = "mei.okonkwo@clinic.example"


async def post(server, path, body, **options):
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    async with server.http.post(server.url + path, data=data, **options) as answer:
        return answer.status, await answer.json()


async def get(server, path, **options):
    async with server.http.get(server.url + path, **options) as answer:
        return answer.status, await answer.json()


async def test_health_counts_the_active_sessions():
    async with legacy_serving() as server:
        assert await get(server, "/health") == (200, {"status": "healthy", "active_sessions": 0})
        async with extension(server) as client:
            await client.start()
            assert await get(server, "/health") == (200, {"status": "healthy", "active_sessions": 1})


async def test_health_tells_a_key_of_its_own_sessions_alone(tmp_path):
    one, two = key(tmp_path / "keys.json", "ward-1"), key(tmp_path / "keys.json", "ward-2")
    async with legacy_serving(keys_file=tmp_path / "keys.json") as server, extension(server, headers=one) as client:
        await client.start()
        counts = [(await get(server, "/health", headers=headers))[1]["active_sessions"] for headers in (one, two, {})]
        assert counts == [1, 0, 0]


async def test_the_configuration_names_the_chunks_to_send():
    async with legacy_serving() as server:
        audio = {"chunk_duration_seconds": 3, "sample_rate": 16000, "channels": 1}
        assert await get(server, "/api/config") == (200, {"audio": audio})


async def test_a_doctor_is_registered_once_and_found_again():
    async with legacy_serving() as server:
        status, user = await post(server, "/users", {**DOCTOR, "clinic_name": "North"})
        assert status == 201
        assert user["id"] == user["doctor_id"]
        assert (user["name"], user["email"], user["phone"], user["clinic_name"], user["medical_registration_number"]) == (
            "Dr. Mei Okonkwo", EMAIL, "9876543210", "North", None,
        )  # fmt: skip
        assert await get(server, f"/users/{EMAIL}") == (200, user)
        assert await get(server, "/users/MEI.OKONKWO%40clinic.example") == (200, user)
        status, told = await post(server, "/users", {**DOCTOR, "name": "Somebody else"})
        assert (status, told["error_code"], told["doctor"]) == (409, "DOCTOR_ALREADY_EXISTS", user)
        assert told["message"]
        status, told = await get(server, "/users/nobody@clinic.example")
        assert (status, told["error_code"]) == (404, "USER_NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name", "phone", "email"}),
        ({**DOCTOR, "email": "no email"}, {"email"}),
        ({**DOCTOR, "phone": "call me"}, {"phone"}),
        ({**DOCTOR, "name": "   "}, {"name"}),
        ({**DOCTOR, "name": 7, "clinic_name": "x" * 300}, {"name", "clinic_name"}),
        ("not JSON", {"body"}),
        (b"\xff\xfe", {"body"}),
        ("[1]", {"body"}),
        (json.dumps(DOCTOR) + " " * 5000, {"body"}),
    ],
)
async def test_a_registration_that_is_wrong_is_answered_in_fastapis_shape(body, fields):
    async with legacy_serving() as server:
        status, told = await post(server, "/users", body)
        assert status == 422
        assert {fault["loc"][-1] for fault in told["detail"]} == fields
        assert all(fault["loc"][0] == "body" and fault["msg"] and fault["type"] for fault in told["detail"])
        assert "no email" not in json.dumps(told)


async def test_the_older_endpoints_of_doctors_are_served_too():
    async with legacy_serving() as server:
        status, told = await post(server, "/api/doctors", DOCTOR)
        assert (status, told["error_code"], list(told["errors"])) == (
            400, "VALIDATION_ERROR", ["medical_registration_number"],
        )  # fmt: skip
        assert (await post(server, "/api/doctors", "no JSON"))[0] == 400
        wanted = {**DOCTOR, "medical_registration_number": "MH-1234"}
        status, doctor = await post(server, "/api/doctors", wanted)
        assert (status, doctor["medical_registration_number"]) == (201, "MH-1234")
        assert (await post(server, "/api/doctors", wanted))[1]["error_code"] == "DOCTOR_ALREADY_EXISTS"
        assert await get(server, f"/api/doctors/{doctor['doctor_id']}") == (200, doctor)
        assert await get(server, f"/api/doctors/lookup?email={EMAIL}") == (200, doctor)
        for path in ("/api/doctors/doc_unknown", "/api/doctors/lookup?email=x@y.example", "/api/doctors/lookup"):
            status, told = await get(server, path)
            assert (status, told["error_code"]) == (404, "DOCTOR_NOT_FOUND")


async def test_doctors_outlive_the_server_in_a_file_that_others_cannot_read(tmp_path):
    path = tmp_path / "doctors.sqlite"
    async with legacy_serving(legacy_users=path) as server:
        _, user = await post(server, "/users", DOCTOR)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    async with legacy_serving(legacy_users=path) as server:
        assert await get(server, f"/users/{EMAIL}") == (200, user)


async def test_a_file_that_is_no_store_stops_the_start_with_what_to_do(tmp_path):
    path = tmp_path / "doctors.sqlite"
    path.write_text("this is no database" * 100)
    with pytest.raises(SettingsError, match=r"--legacy-users: .* cannot be used"):
        async with legacy_serving(legacy_users=path):
            pass


async def test_doctors_belong_to_the_owner_of_the_key_and_nothing_of_them_is_noted(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiosqlite").setLevel(logging.DEBUG)
    notes = Notes()
    path = tmp_path / "keys.json"
    one, two, reader = key(path, "ward-1"), key(path, "ward-2"), key(path, "screen", "read")
    async with legacy_serving(keys_file=path, audit_trail=notes) as server:
        assert (await post(server, "/users", DOCTOR))[0] == 401
        assert (await get(server, f"/users/{EMAIL}", headers=reader))[0] == 403
        status, user = await post(server, "/users", DOCTOR, headers=one)
        assert status == 201
        assert (await get(server, f"/users/{EMAIL}", headers=two))[0] == 404
        assert (await get(server, f"/api/doctors/{user['id']}", headers=two))[0] == 404
        assert (await post(server, "/users", DOCTOR, headers=two))[0] == 201
        assert (await post(server, "/users", DOCTOR, headers=two))[0] == 409
    assert ("doctor_registered", "ward-1", "ok") in notes.lines
    assert ("doctor_read", "ward-2", "user_not_found") in notes.lines
    assert "okonkwo" not in (caplog.text + str(notes.lines)).lower()


async def test_a_server_keeps_so_many_doctors_and_no_more(monkeypatch):
    monkeypatch.setattr("server.compat.legacy.users.MOST", 1)
    async with legacy_serving() as server:
        assert (await post(server, "/users", DOCTOR))[0] == 201
        status, told = await post(server, "/users", {**DOCTOR, "email": "other@clinic.example"})
        assert (status, told["error_code"]) == (503, "NO_ROOM")


async def test_statements_in_a_name_are_names():
    async with legacy_serving() as server:
        name = "Robert'); DROP TABLE users;--"
        assert (await post(server, "/users", {**DOCTOR, "name": name}))[1]["name"] == name
        assert (await get(server, f"/users/{EMAIL}"))[1]["name"] == name
        assert (await get(server, "/users/%27%20OR%201=1--"))[0] == 404
