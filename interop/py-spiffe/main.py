"""A foreign client of the Workload API: all it knows is py-spiffe, which others wrote for other servers.

Prints one JSON line per check and exits 1 when one failed.
"""

import argparse
import sys
import warnings

from spiffe import SpiffeId, TrustDomain, WorkloadApiClient

from denied_checks import denied_checks
from jwt_checks import jwt_checks
from report import report
from subject import Subject
from tls_checks import tls_checks
from x509_checks import x509_checks


def main() -> int:
    # spiffe-tls reads a property that its own spiffe calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    parser = argparse.ArgumentParser()
    parser.add_argument("--id", required=True, help="SPIFFE ID this program is registered as; a second one ends in /second")
    parser.add_argument("--unregistered", action="store_true", help="expect that this program has no identity")
    parser.add_argument("--partner", default="partner.example", help="trust domain that is federated with")
    parser.add_argument("--peer-id", default="spiffe://interop.example/peer", help="service to speak mutual TLS with")
    parser.add_argument("--peer-open", type=int, default=0, help="its port for this program")
    parser.add_argument("--peer-closed", type=int, default=0, help="its port for others")
    given = parser.parse_args()

    with WorkloadApiClient() as client:
        subject = Subject(
            client=client,
            id=SpiffeId(given.id),
            second_id=SpiffeId(f"{given.id}/second"),
            partner=TrustDomain(given.partner),
            peer_id=SpiffeId(given.peer_id),
            peer_open=given.peer_open,
            peer_closed=given.peer_closed,
        )
        if given.unregistered:
            checks = denied_checks(subject)
        else:
            checks = x509_checks(subject) + jwt_checks(subject) + tls_checks(subject)
        return 0 if report(checks) else 1


sys.exit(main())
