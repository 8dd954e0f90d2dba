//! A foreign client of the Workload API: all it knows is the `spiffe` crate, which others wrote for other servers. Prints
//! one JSON line per check and exits 1 when one failed.
//!
//! Arguments: the SPIFFE ID it is registered as, and the identity and the two ports of a service to speak mutual TLS with.
//! With the SPIFFE ID alone it expects to have no identity.

mod denied;
mod jwt;
mod report;
mod subject;
mod tls;
mod x509;

use std::error::Error;
use std::process::ExitCode;

use spiffe::{SpiffeId, WorkloadApiClient};

use report::Report;
use subject::Subject;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |index: usize| arguments.get(index).map(String::as_str);
    let id = SpiffeId::new(given(0).ok_or("the first argument is a SPIFFE ID")?)?;
    let subject = Subject {
        client: WorkloadApiClient::connect_env().await?,
        second_id: SpiffeId::new(format!("{id}/second"))?,
        other_id: SpiffeId::new(format!("spiffe://{}/not/this/program", id.trust_domain()))?,
        partner: "partner.example".try_into()?,
        peer_id: given(1).map_or(Ok(id.clone()), SpiffeId::new)?,
        open_port: given(2).unwrap_or("0").parse()?,
        closed_port: given(3).unwrap_or("0").parse()?,
        id,
    };
    let mut report = Report::default();
    if given(1).is_none() {
        denied::checks(&mut report, &subject).await;
    } else {
        x509::checks(&mut report, &subject).await;
        jwt::checks(&mut report, &subject).await;
        tls::checks(&mut report, &subject).await;
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
