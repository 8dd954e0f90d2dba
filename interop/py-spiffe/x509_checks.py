from cryptography import x509
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store
from spiffe import X509Bundle, X509BundleSet, X509Source, X509Svid
from spiffe.workloadapi.x509_context import X509Context

from report import Check, expect, refused
from subject import CALL_SECONDS, WATCH_SECONDS, Change, Subject


def x509_checks(s: Subject) -> list[Check]:
    return [
        Check("x509: default SVID", lambda: default_svid(s)),
        Check("x509: every SVID, first entry first", lambda: svids(s)),
        Check("x509: context verifies against its own bundle", lambda: context(s)),
        Check("x509: chain is refused by a federated domain's bundle", lambda: foreign_bundle(s)),
        Check("x509: bundles of both trust domains", lambda: bundles(s)),
        Check("x509: stream delivers a rotated SVID", lambda: rotation(s)),
        Check("x509: stream delivers a federated domain's new authority", lambda: new_authority(s)),
        Check("x509 source: a picker takes another identity than the first", lambda: picker(s)),
        Check("x509 source: gets updates", lambda: source_updates(s)),
        Check("x509 source: closed source gives nothing", lambda: source_closed(s)),
    ]


def default_svid(s: Subject) -> str:
    svid = s.client.fetch_x509_svid(timeout=CALL_SECONDS)
    expect("SPIFFE ID", svid.spiffe_id, s.id)
    expect("key", svid.private_key.public_key(), svid.leaf.public_key())
    return f"{svid.spiffe_id} serial {svid.leaf.serial_number}"


def svids(s: Subject) -> str:
    ids = [str(svid.spiffe_id) for svid in s.client.fetch_x509_svids(timeout=CALL_SECONDS)]
    expect("SPIFFE IDs", ids, [str(s.id), str(s.second_id)])
    return ", ".join(ids)


def context(s: Subject) -> str:
    fetched = s.client.fetch_x509_context(timeout=CALL_SECONDS)
    verify(fetched.default_svid, bundle_of(s.id.trust_domain, fetched.x509_bundle_set))
    return f"{fetched.default_svid.spiffe_id} until {fetched.default_svid.leaf.not_valid_after_utc}"


def foreign_bundle(s: Subject) -> str:
    fetched = s.client.fetch_x509_context(timeout=CALL_SECONDS)
    partner = bundle_of(s.partner, fetched.x509_bundle_set)
    return refused("candidates exhausted", lambda: verify(fetched.default_svid, partner))


def bundles(s: Subject) -> str:
    fetched = s.client.fetch_x509_bundles(timeout=CALL_SECONDS)
    verify(s.client.fetch_x509_svid(timeout=CALL_SECONDS), bundle_of(s.id.trust_domain, fetched))
    return authorities(bundle_of(s.partner, fetched))


def rotation(s: Subject) -> str:
    return stream(s, lambda update: f"serial {update.default_svid.leaf.serial_number}")


def new_authority(s: Subject) -> str:
    return stream(s, lambda update: authorities(bundle_of(s.partner, update.x509_bundle_set)))


def stream(s: Subject, read) -> str:
    change = Change()

    def on_update(update: X509Context) -> None:
        change.update(lambda: read(update))

    handler = s.client.stream_x509_contexts(on_update, change.fail)
    try:
        return change.wait()
    finally:
        handler.cancel()


def picker(s: Subject) -> str:
    with X509Source(
        s.client, timeout_in_seconds=WATCH_SECONDS, svid_picker=lambda svids: svids[1]
    ) as source:
        picked = source.get_x509_context().default_svid.spiffe_id
    expect("SPIFFE ID", picked, s.second_id)
    return str(picked)


def source_updates(s: Subject) -> str:
    change = Change()
    with X509Source(s.client, timeout_in_seconds=WATCH_SECONDS) as source:
        read = lambda: authorities(source.get_bundle_for_trust_domain(s.partner))  # noqa: E731
        change.update(read)
        source.subscribe_for_updates(lambda: change.update(read))
        seen = change.wait()
        held = source.get_x509_context()
        verify(held.default_svid, bundle_of(s.id.trust_domain, held.x509_bundle_set))
    return seen


def source_closed(s: Subject) -> str:
    source = X509Source(s.client, timeout_in_seconds=WATCH_SECONDS)
    source.close()
    return refused("closed", source.get_x509_context)


def bundle_of(trust_domain, bundle_set: X509BundleSet) -> X509Bundle:
    bundle = bundle_set.get_bundle_for_trust_domain(trust_domain)
    if bundle is None or not bundle.x509_authorities:
        raise AssertionError(f"no authority of {trust_domain}")
    return bundle


def authorities(bundle: X509Bundle) -> str:
    """Names them."""
    names = [each.subject.get_attributes_for_oid(NameOID.COMMON_NAME) for each in bundle.x509_authorities]
    return " ".join(sorted(str(name[0].value) for name in names))


def verify(svid: X509Svid, bundle: X509Bundle) -> None:
    """Verifies a chain with a verifier that is neither py-spiffe's nor OpenSSL's."""
    verifier = PolicyBuilder().store(Store(list(bundle.x509_authorities))).build_client_verifier()
    names = verifier.verify(svid.leaf, svid.cert_chain[1:]).subjects
    expect("names", names, [x509.UniformResourceIdentifier(str(svid.spiffe_id))])
