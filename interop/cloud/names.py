"""Leads the clouds' names, and the issuers', to ports of this machine: the hosts file of this process alone.

The SDKs and their files keep the real URLs. Everything else must be a loopback address, so that nothing here can ask a real
cloud.
"""

import socket

_ports: dict[str, int] = {}
_getaddrinfo = socket.getaddrinfo


def lead(host: str, port: int) -> None:
    _ports[host] = port


def _resolve(host, port, *args, **kwargs):
    name = host.decode() if isinstance(host, bytes) else host
    if name in _ports:
        return _getaddrinfo("127.0.0.1", _ports[name], *args, **kwargs)
    if name not in ("localhost", "127.0.0.1"):
        raise OSError(f"this suite asks nobody beyond this machine: {name}")
    return _getaddrinfo(name, port, *args, **kwargs)


socket.getaddrinfo = _resolve
