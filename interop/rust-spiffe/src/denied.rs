//! For a copy of this program that no registration entry names.

use std::time::Duration;

use spiffe::X509Source;

use crate::report::{Outcome, Report, refused};
use crate::subject::{AUDIENCE, Subject};

const DENIAL: &str = "no identity issued";
/// A source that is denied waits and tries again, for ever if it may.
const SOURCE_PATIENCE: Duration = Duration::from_secs(2);

pub async fn checks(report: &mut Report, s: &Subject) {
    let client = &s.client;
    let name = |what: &str| format!("unregistered program: denied {what}");
    report.check(&name("X509-SVID"), async { refused(DENIAL, client.fetch_x509_svid().await) }).await;
    report.check(&name("X.509 context"), async { refused(DENIAL, client.fetch_x509_context().await) }).await;
    report.check(&name("X.509 bundles"), async { refused(DENIAL, client.fetch_x509_bundles().await) }).await;
    report.check(&name("JWT-SVID"), async { refused(DENIAL, client.fetch_jwt_svid([AUDIENCE], None).await) }).await;
    let another = async { refused(DENIAL, client.fetch_jwt_svid([AUDIENCE], Some(&s.id)).await) };
    report.check(&name("another's JWT-SVID"), another).await;
    report.check(&name("JWT bundles"), async { refused(DENIAL, client.fetch_jwt_bundles().await) }).await;
    report.check("unregistered program: X509Source does not start", source()).await;
}

async fn source() -> Outcome {
    match tokio::time::timeout(SOURCE_PATIENCE, X509Source::new()).await {
        Err(_) => Ok("still waits".into()),
        Ok(Ok(_)) => Err("was started".into()),
        Ok(Err(error)) => refused(DENIAL, Err::<(), _>(error)),
    }
}
