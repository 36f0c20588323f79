"""The store that the settings of a server ask for."""

from collections.abc import Callable

from server.settings import Settings, SettingsError
from server.store.sharing import KeyFault, Shared, shared


def store_of(settings: Settings, observe: Callable[[float | None], None]) -> Shared | None:
    """The store that the settings ask for; None where sessions end with their server. Raises SettingsError.

    `observe` is told the seconds of each write, and None for one that failed.
    """
    if settings.store == "memory":
        return None
    try:
        return shared(settings.store, settings.store_key_file, settings.retention, observe)
    except ImportError:
        raise SettingsError(["--store: redis is not installed: pip install 'drtranscribe[store]'"]) from None
    except (KeyFault, ValueError) as fault:
        raise SettingsError([str(fault)]) from None
