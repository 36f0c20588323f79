"""The REST endpoints of the legacy contract."""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Annotated, Any

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from inference.config import SAMPLE_RATE
from server.access.access import PRINCIPAL, Denied
from server.access.principal import Principal
from server.compat.legacy.tracks import USUAL
from server.compat.legacy.users import Users, UsersError
from server.compat.line import Site

MAX_BODY_BYTES = 4096
BODY_S = 10.0
"""For the body of a registration to arrive."""

CONFIG = {"audio": {"chunk_duration_seconds": USUAL // SAMPLE_RATE, "sample_rate": SAMPLE_RATE, "channels": 1}}
NO_JSON = "send the doctor as a JSON object of at most 4096 bytes, with name, phone and email"
WRONG = "some fields of the doctor are wrong or missing: this answer names them and says what each must be"
INVALID = "invalid_doctor"
NOT_FOUND = "no doctor is registered here under that name: register first"
EXISTS = "a doctor of this email is registered already: use the account that this answer holds"

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]

_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{4,38}")
_EMAIL = re.compile(r"[^@\s]{1,90}@[^@\s.]{1,90}(?:\.[^@\s.]{1,90})+")


def _phone(text: str) -> str:
    if not _PHONE.fullmatch(text):
        raise ValueError("give a phone number: digits, and + before the code of a country")
    return text


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise ValueError("give an email address such as name@clinic.example")
    return text


class Registration(BaseModel):
    """What a doctor tells of themselves."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    name: _Text
    phone: Annotated[_Text, AfterValidator(_phone)]
    email: Annotated[_Text, AfterValidator(_email)]
    medical_registration_number: _Text | None = None
    clinic_name: _Text | None = None


class Doctor(Registration):
    """The older form, which asks for the registration number."""

    medical_registration_number: _Text


@dataclass(frozen=True, slots=True)
class LegacyRest:
    """The handlers of one server."""

    site: Site
    users: Users

    async def health(self, request: web.Request) -> web.Response:
        """`active_sessions` are those of whoever asks: the others are no business of theirs."""
        try:
            principal: Principal | None = self.site.keeper.access.identify(request)
        except Denied:
            principal = None
        active = self.site.sessions.open_of(principal.owner) if principal is not None else 0
        return _json({"status": "healthy", "active_sessions": active})

    async def config(self, _: web.Request) -> web.Response:
        return _json(CONFIG)

    async def register(self, request: web.Request) -> web.Response:
        """`POST /users`: 201 the doctor, 409 with the one of the same email, 422 in the shape of FastAPI."""
        said = await _body(request)
        if said is None:
            detail = [{"loc": ["body"], "msg": NO_JSON, "type": "json_invalid"}]
            return self._refused(request, INVALID, {"detail": detail, "message": NO_JSON}, 422)
        try:
            wanted = Registration.model_validate(said)
        except ValidationError as faults:
            told = {"detail": _details(faults), "message": WRONG}
            return self._refused(request, INVALID, told, 422)
        return await self._add(request, wanted)

    async def register_doctor(self, request: web.Request) -> web.Response:
        """`POST /api/doctors`: 201, 409, and 400 with a sentence for each wrong field."""
        said = await _body(request)
        if said is None:
            told = {"error_code": "VALIDATION_ERROR", "message": NO_JSON, "errors": {}}
            return self._refused(request, INVALID, told, 400)
        try:
            wanted = Doctor.model_validate(said)
        except ValidationError as faults:
            errors = {str(fault["loc"][-1]): fault["msg"] for fault in _details(faults)}
            told = {"error_code": "VALIDATION_ERROR", "message": WRONG, "errors": errors}
            return self._refused(request, INVALID, told, 400)
        return await self._add(request, wanted)

    async def user(self, request: web.Request) -> web.Response:
        """`GET /users/EMAIL`."""
        return await self._found(request, "user_not_found", email=request.match_info["email"])

    async def doctor(self, request: web.Request) -> web.Response:
        """`GET /api/doctors/ID`."""
        return await self._found(request, "doctor_not_found", user_id=request.match_info["doctor_id"])

    async def lookup(self, request: web.Request) -> web.Response:
        """`GET /api/doctors/lookup?email=`."""
        return await self._found(request, "doctor_not_found", email=request.query.get("email", ""))

    async def _add(self, request: web.Request, wanted: Registration) -> web.Response:
        principal = request[PRINCIPAL]
        try:
            user, new = await self.users.add(principal.owner, wanted.model_dump())
        except UsersError as full:
            told = {"error_code": "NO_ROOM", "message": str(full)}
            return self._refused(request, "no_room_for_doctors", told, 503)
        if not new:
            known = {"error_code": "DOCTOR_ALREADY_EXISTS", "message": EXISTS, "doctor": user.as_dict()}
            return self._refused(request, "doctor_already_exists", known, 409, action="doctor_read")
        self.site.keeper.note(request, "doctor_registered", principal)
        return _json(user.as_dict(), 201)

    async def _found(
        self, request: web.Request, missing: str, email: str | None = None, user_id: str = ""
    ) -> web.Response:
        principal = request[PRINCIPAL]
        if email is not None:
            user = await self.users.by_email(principal.owner, email)
        else:
            user = await self.users.by_id(principal.owner, user_id)
        if user is None:
            told = {"error_code": missing.upper(), "message": NOT_FOUND}
            return self._refused(request, missing, told, 404, action="doctor_read")
        self.site.keeper.note(request, "doctor_read", principal)
        return _json(user.as_dict())

    def _refused(
        self, request: web.Request, code: str, told: dict[str, Any], status: int, action: str = "refused"
    ) -> web.Response:
        """The answer to a request that is refused, which is counted, and noted as an attempt at the action."""
        self.site.sessions.metrics.refused.labels(code).inc()
        self.site.keeper.note(request, action, request[PRINCIPAL], outcome=code)
        return _json(told, status)


async def _body(request: web.Request) -> dict[str, Any] | None:
    """The JSON object of a request; None where it holds none, or comes too slowly, or is too large."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.content.iter_any():
                body += part
                if len(body) > MAX_BODY_BYTES:
                    return None
        said = json.loads(body)
    except (TimeoutError, ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _details(faults: ValidationError) -> list[dict[str, Any]]:
    """What is wrong, without what was sent."""
    shown = faults.errors(include_input=False, include_url=False, include_context=False)
    return [
        {
            "loc": ["body", *fault["loc"]],
            "msg": fault["msg"].removeprefix("Value error, "),
            "type": fault["type"],
        }
        for fault in shown
    ]


def _json(fields: object, status: int = 200) -> web.Response:
    return web.json_response(fields, status=status, headers={"Cache-Control": "no-store"})
