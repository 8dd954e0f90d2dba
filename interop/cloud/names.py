"""Leads the clouds' names, and the issuers', to ports of this machine: the hosts file of this process alone.

The SDKs and their files keep the real URLs. Everything else must be a loopback address, so that nothing here can ask a real
cloud.
"""

import socket

ports: dict[str, int] = {}
refused: list[str] = []
"""Names that were asked for and lead nowhere."""
_getaddrinfo = socket.getaddrinfo


def lead(host: str, port: int) -> None:
    ports[host] = port


def _resolve(host, port, *args, **kwargs):
    name = host.decode() if isinstance(host, bytes) else host
    if name in ports:
        return _getaddrinfo("127.0.0.1", ports[name], *args, **kwargs)
    if name not in ("localhost", "127.0.0.1"):
        refused.append(str(name))
        raise OSError(f"this suite asks nobody beyond this machine: {name}")
    return _getaddrinfo(name, port, *args, **kwargs)


socket.getaddrinfo = _resolve
