"""For a copy of this program that no registration entry names."""

from collections.abc import Callable

from spiffe import X509Source

from report import Check, refused
from subject import AUDIENCE, CALL_SECONDS, Subject

# A source that is denied waits and tries again, for ever if it may.
SOURCE_SECONDS = 2.0


def denied_checks(s: Subject) -> list[Check]:
    client = s.client
    return [
        denied("X509-SVID", lambda: client.fetch_x509_svid(timeout=CALL_SECONDS)),
        denied("X.509 context", lambda: client.fetch_x509_context(timeout=CALL_SECONDS)),
        denied("X.509 bundles", lambda: client.fetch_x509_bundles(timeout=CALL_SECONDS)),
        denied("JWT-SVID", lambda: client.fetch_jwt_svid({AUDIENCE}, timeout=CALL_SECONDS)),
        denied(
            "another's JWT-SVID", lambda: client.fetch_jwt_svid({AUDIENCE}, s.id, timeout=CALL_SECONDS)
        ),
        denied("JWT bundles", lambda: client.fetch_jwt_bundles(timeout=CALL_SECONDS)),
        Check(
            "unregistered program: X509Source does not start",
            lambda: refused("Timeout", lambda: X509Source(client, timeout_in_seconds=SOURCE_SECONDS)),
        ),
    ]


def denied(what: str, step: Callable[[], object]) -> Check:
    return Check(f"unregistered program: denied {what}", lambda: refused("PERMISSION_DENIED", step))
