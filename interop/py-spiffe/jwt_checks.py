from spiffe import JwtBundleSet, JwtSource, JwtSvid

from report import Check, expect, refused
from subject import AUDIENCE, CALL_SECONDS, WATCH_SECONDS, Change, Subject


def jwt_checks(s: Subject) -> list[Check]:
    return [
        Check("jwt: SVID validates against fetched bundles", lambda: validated(s)),
        Check("jwt: SVID is refused for another audience", lambda: other_audience(s)),
        Check("jwt: SVID is refused by a federated domain's bundle", lambda: foreign_bundle(s)),
        Check("jwt: one SVID for each identity, for several audiences", lambda: svids(s)),
        Check("jwt: SVID of a named identity", lambda: named(s)),
        Check("jwt: identity of another program is denied", lambda: foreign_subject(s)),
        Check("jwt: validate_jwt_svid accepts", lambda: validate(s)),
        Check("jwt: validate_jwt_svid refuses another audience", lambda: validate_other_audience(s)),
        Check("jwt: validate_jwt_svid refuses a changed token", lambda: validate_changed(s)),
        Check("jwt: stream delivers a federated domain's new key", lambda: new_key(s)),
        Check("jwt source: SVID validates against the source's own bundles", lambda: source(s)),
        Check("jwt source: gets updates", lambda: source_updates(s)),
    ]


def fetch(s: Subject) -> JwtSvid:
    return s.client.fetch_jwt_svid({AUDIENCE}, s.id, timeout=CALL_SECONDS)


def own_bundle(s: Subject):
    return s.client.fetch_jwt_bundles(timeout=CALL_SECONDS).get_bundle_for_trust_domain(s.id.trust_domain)


def validated(s: Subject) -> str:
    svid = JwtSvid.parse_and_validate(fetch(s).token, own_bundle(s), {AUDIENCE})
    expect("SPIFFE ID", svid.spiffe_id, s.id)
    return f"{svid.spiffe_id} for {sorted(svid.audience)}"


def other_audience(s: Subject) -> str:
    token, bundle = fetch(s).token, own_bundle(s)
    return refused("Audience", lambda: JwtSvid.parse_and_validate(token, bundle, {"other"}))


def foreign_bundle(s: Subject) -> str:
    bundle = s.client.fetch_jwt_bundles(timeout=CALL_SECONDS).get_bundle_for_trust_domain(s.partner)
    token = fetch(s).token
    return refused("Authority not found", lambda: JwtSvid.parse_and_validate(token, bundle, {AUDIENCE}))


def svids(s: Subject) -> str:
    fetched = s.client.fetch_jwt_svids({AUDIENCE, "second"}, timeout=CALL_SECONDS)
    expect("SPIFFE IDs", [str(svid.spiffe_id) for svid in fetched], [str(s.id), str(s.second_id)])
    expect("audience", set(fetched[1].audience), {AUDIENCE, "second"})
    return ", ".join(str(svid.spiffe_id) for svid in fetched)


def named(s: Subject) -> str:
    fetched = s.client.fetch_jwt_svids({AUDIENCE}, s.second_id, timeout=CALL_SECONDS)
    expect("SPIFFE IDs", [str(svid.spiffe_id) for svid in fetched], [str(s.second_id)])
    return str(fetched[0].spiffe_id)


def foreign_subject(s: Subject) -> str:
    return refused(
        "PERMISSION_DENIED",
        lambda: s.client.fetch_jwt_svid({AUDIENCE}, s.other_id, timeout=CALL_SECONDS),
    )


def validate(s: Subject) -> str:
    svid = s.client.validate_jwt_svid(fetch(s).token, AUDIENCE, timeout=CALL_SECONDS)
    expect("SPIFFE ID", svid.spiffe_id, s.id)
    return str(svid.spiffe_id)


def validate_other_audience(s: Subject) -> str:
    token = fetch(s).token
    return refused(
        "INVALID_ARGUMENT", lambda: s.client.validate_jwt_svid(token, "other", timeout=CALL_SECONDS)
    )


def validate_changed(s: Subject) -> str:
    signed, _, signature = fetch(s).token.rpartition(".")
    # Of the last character not all bits count; of the first one they do.
    changed = f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    return refused(
        "INVALID_ARGUMENT", lambda: s.client.validate_jwt_svid(changed, AUDIENCE, timeout=CALL_SECONDS)
    )


def new_key(s: Subject) -> str:
    change = Change()

    def on_update(update: JwtBundleSet) -> None:
        change.update(lambda: keys(update.get_bundle_for_trust_domain(s.partner)))

    handler = s.client.stream_jwt_bundles(on_update, change.fail)
    try:
        return change.wait()
    finally:
        handler.cancel()


def source(s: Subject) -> str:
    with JwtSource(s.client, timeout_in_seconds=WATCH_SECONDS) as held:
        token = held.fetch_svid({AUDIENCE}, s.id).token
        bundle = held.get_bundle_for_trust_domain(s.id.trust_domain)
        svid = JwtSvid.parse_and_validate(token, bundle, {AUDIENCE})
    expect("SPIFFE ID", svid.spiffe_id, s.id)
    return str(svid.spiffe_id)


def source_updates(s: Subject) -> str:
    change = Change()
    with JwtSource(s.client, timeout_in_seconds=WATCH_SECONDS) as held:
        read = lambda: keys(held.get_bundle_for_trust_domain(s.partner))  # noqa: E731
        change.update(read)
        held.subscribe_for_updates(lambda: change.update(read))
        return change.wait()


def keys(bundle) -> str:
    """Names them."""
    if bundle is None:
        raise AssertionError("no bundle of the federated domain")
    return " ".join(sorted(bundle.jwt_authorities))
