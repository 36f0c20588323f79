"""What `--legacy` adds to a server: its routes, its WebSocket, and the store of doctors."""

from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from server.compat.legacy.rest import LegacyRest
from server.compat.legacy.socket import LegacySockets
from server.compat.legacy.users import Users, UsersError
from server.compat.legacy.visits import Visits
from server.compat.line import Site
from server.settings import SettingsError

Expectation = Callable[[web.Request], Awaitable[None]]

SOCKETS = web.AppKey("legacy_sockets", LegacySockets)


def add_legacy(app: web.Application, site: Site, expectation: Expectation) -> list[web.RouteDef]:
    """Puts the legacy contract behind the access rules of the server. Returns its routes but that of the WebSocket.

    Raises SettingsError if the file of doctors cannot be used.
    """
    keeper = site.keeper
    try:
        users = Users(site.settings.legacy_users)
    except UsersError as fault:
        raise SettingsError([str(fault)]) from None
    app[SOCKETS] = LegacySockets(site, Visits())
    app.cleanup_ctx.append(_opened(users))
    rest = LegacyRest(site, users)
    return [
        web.get("/health", rest.health, expect_handler=expectation),
        web.get("/api/config", rest.config, expect_handler=expectation),
        web.post("/users", keeper.asks("speak", rest.register), expect_handler=expectation),
        web.get("/users/{email}", keeper.asks("speak", rest.user), expect_handler=expectation),
        web.post("/api/doctors", keeper.asks("speak", rest.register_doctor), expect_handler=expectation),
        web.get("/api/doctors/lookup", keeper.asks("speak", rest.lookup), expect_handler=expectation),
        web.get("/api/doctors/{doctor_id}", keeper.asks("speak", rest.doctor), expect_handler=expectation),
    ]


def speaks_legacy(request: web.Request) -> bool:
    """Whether a client of `/ws` speaks the legacy contract, and may: it offers no subprotocol."""
    return SOCKETS in request.app and "Sec-WebSocket-Protocol" not in request.headers


def _opened(users: Users) -> Callable[[web.Application], AsyncIterator[None]]:
    async def opened(_: web.Application) -> AsyncIterator[None]:
        await users.open()
        yield
        await users.close()

    return opened
