use std::sync::Arc;

use spiffe::{BundleSource, X509Bundle, X509Source, X509Svid};

use crate::report::{Outcome, Report, expect, refused};
use crate::subject::{Subject, WATCH, until_changed};

pub async fn checks(report: &mut Report, s: &Subject) {
    report.check("x509: default SVID", default_svid(s)).await;
    report.check("x509: every SVID, first entry first, each with its hint", svids(s)).await;
    report.check("x509: context has the bundles of both trust domains", context(s)).await;
    report.check("x509: bundles of both trust domains", bundles(s)).await;
    report.check("x509: stream delivers a rotated SVID", rotation(s)).await;
    report.check("x509: bundle stream delivers a federated domain's new authority", new_authority(s)).await;
    report.check("x509: context stream delivers a federated domain's new authority", new_context(s)).await;
    report.check("x509 source: gets updates", source_updates(s)).await;
    report.check("x509 source: a picker takes another identity than the first", picker(s)).await;
    report.check("x509 source: has no bundle of a stranger", stranger()).await;
    report.check("x509 source: closed source gives nothing", closed()).await;
}

async fn default_svid(s: &Subject) -> Outcome {
    let svid = s.client.fetch_x509_svid().await?;
    expect("SPIFFE ID", svid.spiffe_id(), &s.id)?;
    Ok(format!("{} and {} certificate(s)", svid.spiffe_id(), svid.cert_chain().len()))
}

async fn svids(s: &Subject) -> Outcome {
    let svids = s.client.fetch_all_x509_svids().await?;
    let seen: Vec<_> = svids.iter().map(|svid| (svid.spiffe_id(), svid.hint())).collect();
    expect("SVIDs", seen, vec![(&s.id, None), (&s.second_id, Some("second"))])?;
    Ok(format!("{} and {}", s.id, s.second_id))
}

async fn context(s: &Subject) -> Outcome {
    let context = s.client.fetch_x509_context().await?;
    authorities(context.bundle_set().get(s.own_domain()))?;
    authorities(context.bundle_set().get(&s.partner))
}

async fn bundles(s: &Subject) -> Outcome {
    let bundles = s.client.fetch_x509_bundles().await?;
    authorities(bundles.get(s.own_domain()))?;
    authorities(bundles.get(&s.partner))
}

async fn rotation(s: &Subject) -> Outcome {
    let stream = s.client.stream_x509_svids().await?;
    until_changed(stream, |svid| Ok(fingerprint(svid.leaf().as_bytes()))).await
}

async fn new_authority(s: &Subject) -> Outcome {
    let stream = s.client.stream_x509_bundles().await?;
    until_changed(stream, |bundles| authorities(bundles.get(&s.partner))).await
}

async fn new_context(s: &Subject) -> Outcome {
    let stream = s.client.stream_x509_contexts().await?;
    until_changed(stream, |context| authorities(context.bundle_set().get(&s.partner))).await
}

async fn source_updates(s: &Subject) -> Outcome {
    let source = X509Source::new().await?;
    expect("SPIFFE ID", source.svid()?.spiffe_id(), &s.id)?;
    let before = authorities(source.bundle_for_trust_domain(&s.partner)?)?;
    let mut updates = source.updated();
    let changed = async {
        loop {
            updates.changed().await?;
            let after = authorities(source.bundle_for_trust_domain(&s.partner)?)?;
            if after != before {
                return Ok(format!("{before}, then {after}"));
            }
        }
    };
    let outcome: Outcome = tokio::time::timeout(WATCH, changed).await?;
    source.shutdown().await;
    outcome
}

async fn picker(s: &Subject) -> Outcome {
    let source = X509Source::builder().picker(ByHint("second")).build().await?;
    let picked = source.svid()?.spiffe_id().clone();
    source.shutdown().await;
    expect("SPIFFE ID", &picked, &s.second_id)?;
    Ok(picked.to_string())
}

struct ByHint(&'static str);

impl spiffe::x509_source::SvidPicker for ByHint {
    fn pick_svid(&self, svids: &[Arc<X509Svid>]) -> Option<usize> {
        svids.iter().position(|svid| svid.hint() == Some(self.0))
    }
}

async fn stranger() -> Outcome {
    let source = X509Source::new().await?;
    let bundle = source.bundle_for_trust_domain(&"stranger.example".try_into()?)?;
    source.shutdown().await;
    refused("no bundle", bundle.map_or(Err("no bundle"), Ok))
}

async fn closed() -> Outcome {
    let source = X509Source::new().await?;
    source.shutdown().await;
    refused("closed", source.svid())
}

/// Names a bundle's authorities by a part of each.
fn authorities(bundle: Option<Arc<X509Bundle>>) -> Outcome {
    let bundle = bundle.ok_or("no bundle")?;
    let names: Vec<_> = bundle.authorities().iter().map(|each| fingerprint(each.as_bytes())).collect();
    if names.is_empty() {
        return Err(format!("bundle of {} has no authority", bundle.trust_domain()).into());
    }
    Ok(names.join(" "))
}

/// The last octets of a certificate are those of its signature.
fn fingerprint(certificate: &[u8]) -> String {
    certificate.iter().rev().take(8).map(|octet| format!("{octet:02x}")).collect()
}
