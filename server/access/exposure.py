"""Whether the server may listen where it is told to: patients' words need keys and TLS beyond this machine."""

from server.guards.hosts import is_loopback
from server.settings import Settings, SettingsError

OPEN = "no keys are asked for: every program on this machine may start and read sessions (--keys-file changes that)"


def check_exposure(settings: Settings) -> list[str]:
    """What to say at the start. Raises SettingsError where others could listen in, or use the server without a key."""
    signed_in = settings.keys_file is not None or settings.user_header is not None
    if is_loopback(settings.host):
        return [] if signed_in else [OPEN]
    faults, said = [], []
    if signed_in:
        pass
    elif "access" in settings.behind_proxy:
        said.append("the server asks for no keys: the proxy before it decides who comes in (--behind-proxy access)")
    else:
        faults.append(
            f"--host {settings.host}: whoever reaches this address could start and read sessions: give --keys-file "
            "(drtranscribe keys create), or --behind-proxy access if a proxy decides who comes in"
        )
    if settings.tls_cert is not None:
        pass
    elif "tls" in settings.behind_proxy:
        said.append("the server speaks no TLS: the proxy before it does (--behind-proxy tls)")
    else:
        faults.append(
            f"--host {settings.host}: patients' words and keys would cross the network in plain text: give --tls-cert "
            "and --tls-key, or --behind-proxy tls if a proxy provides TLS"
        )
    if faults:
        raise SettingsError(faults)
    return said
