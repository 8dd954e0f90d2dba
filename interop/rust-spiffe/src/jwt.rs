use std::sync::Arc;

use spiffe::{BundleSource, JwtBundle, JwtSource, JwtSvid};

use crate::report::{Outcome, Report, expect, refused};
use crate::subject::{AUDIENCE, Subject, WATCH, until_changed};

pub async fn checks(report: &mut Report, s: &Subject) {
    report.check("jwt: SVID validates against fetched bundles", validated(s)).await;
    report.check("jwt: SVID is refused for another audience", other_audience(s)).await;
    report.check("jwt: changed SVID is refused", changed_token(s)).await;
    report.check("jwt: one SVID for each identity, for several audiences", svids(s)).await;
    report.check("jwt: SVID by hint", by_hint(s)).await;
    report.check("jwt: identity of another program is denied", foreign_subject(s)).await;
    report.check("jwt: validate_jwt_token accepts", validate(s)).await;
    report.check("jwt: validate_jwt_token refuses another audience", validate_other_audience(s)).await;
    report.check("jwt: validate_jwt_token refuses a changed token", validate_changed(s)).await;
    report.check("jwt: bundle stream delivers a federated domain's new key", new_key(s)).await;
    report.check("jwt source: SVID validates against the source's own bundles", source(s)).await;
    report.check("jwt source: gets updates", source_updates(s)).await;
}

async fn fetch(s: &Subject) -> Result<String, Box<dyn std::error::Error>> {
    Ok(s.client.fetch_jwt_svid([AUDIENCE], Some(&s.id)).await?.token().to_owned())
}

async fn validated(s: &Subject) -> Outcome {
    let bundles = s.client.fetch_jwt_bundles().await?;
    let svid = JwtSvid::parse_and_validate(&fetch(s).await?, &bundles, &[AUDIENCE])?;
    expect("SPIFFE ID", svid.spiffe_id(), &s.id)?;
    Ok(format!("{} for {:?}", svid.spiffe_id(), svid.audience()))
}

async fn other_audience(s: &Subject) -> Outcome {
    let bundles = s.client.fetch_jwt_bundles().await?;
    refused("InvalidAudience", JwtSvid::parse_and_validate(&fetch(s).await?, &bundles, &["other"]))
}

async fn changed_token(s: &Subject) -> Outcome {
    let bundles = s.client.fetch_jwt_bundles().await?;
    let changed = with_changed_signature(&fetch(s).await?);
    refused("InvalidSignature", JwtSvid::parse_and_validate(&changed, &bundles, &[AUDIENCE]))
}

async fn svids(s: &Subject) -> Outcome {
    let svids = s.client.fetch_all_jwt_svids([AUDIENCE, "second"], None).await?;
    let ids: Vec<_> = svids.iter().map(JwtSvid::spiffe_id).collect();
    expect("SPIFFE IDs", ids, vec![&s.id, &s.second_id])?;
    expect("audience", svids[1].audience(), &[AUDIENCE.to_owned(), "second".to_owned()])?;
    Ok(format!("{} and {}", s.id, s.second_id))
}

async fn by_hint(s: &Subject) -> Outcome {
    let svid = s.client.fetch_jwt_svid_by_hint([AUDIENCE], None, "second").await?;
    expect("SPIFFE ID", svid.spiffe_id(), &s.second_id)?;
    Ok(svid.spiffe_id().to_string())
}

async fn foreign_subject(s: &Subject) -> Outcome {
    refused("no identity issued", s.client.fetch_jwt_svid([AUDIENCE], Some(&s.other_id)).await)
}

async fn validate(s: &Subject) -> Outcome {
    let svid = s.client.validate_jwt_token(AUDIENCE, &fetch(s).await?).await?;
    expect("SPIFFE ID", svid.spiffe_id(), &s.id)?;
    Ok(svid.spiffe_id().to_string())
}

async fn validate_other_audience(s: &Subject) -> Outcome {
    refused("another audience", s.client.validate_jwt_token("other", &fetch(s).await?).await)
}

async fn validate_changed(s: &Subject) -> Outcome {
    let changed = with_changed_signature(&fetch(s).await?);
    refused("signature", s.client.validate_jwt_token(AUDIENCE, &changed).await)
}

async fn new_key(s: &Subject) -> Outcome {
    let stream = s.client.stream_jwt_bundles().await?;
    until_changed(stream, |bundles| keys(bundles.get(&s.partner))).await
}

async fn source(s: &Subject) -> Outcome {
    let source = JwtSource::new().await?;
    let fetched = source.fetch_jwt_svid_with_id([AUDIENCE], Some(&s.id)).await?;
    let svid = JwtSvid::parse_and_validate(fetched.token(), &source, &[AUDIENCE])?;
    source.shutdown().await;
    expect("SPIFFE ID", svid.spiffe_id(), &s.id)?;
    Ok(svid.spiffe_id().to_string())
}

async fn source_updates(s: &Subject) -> Outcome {
    let source = JwtSource::new().await?;
    let before = keys(source.bundle_for_trust_domain(&s.partner)?)?;
    let mut updates = source.updated();
    let changed = async {
        loop {
            updates.changed().await?;
            let after = keys(source.bundle_for_trust_domain(&s.partner)?)?;
            if after != before {
                return Ok(format!("{before}, then {after}"));
            }
        }
    };
    let outcome: Outcome = tokio::time::timeout(WATCH, changed).await?;
    source.shutdown().await;
    outcome
}

/// Names a bundle's keys.
fn keys(bundle: Option<Arc<JwtBundle>>) -> Outcome {
    let bundle = bundle.ok_or("no bundle")?;
    let mut names: Vec<_> = bundle.jwt_authorities().map(|each| each.key_id().to_owned()).collect();
    names.sort();
    Ok(names.join(" "))
}

/// Changes the first character of a compact JWS's signature. Unlike the last one, all its bits count.
fn with_changed_signature(token: &str) -> String {
    let at = token.rfind('.').map_or(0, |dot| dot + 1);
    let changed = if token[at..].starts_with('A') { "B" } else { "A" };
    format!("{}{changed}{}", &token[..at], &token[at + 1..])
}
