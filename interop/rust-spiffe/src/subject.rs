//! What every check works on.

use std::error::Error;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use spiffe::{SpiffeId, TrustDomain, WorkloadApiClient};

use crate::report::Outcome;

pub const AUDIENCE: &str = "spiffe://interop.example/orders";
pub const WATCH: Duration = Duration::from_secs(30);

pub struct Subject {
    pub client: WorkloadApiClient,
    pub id: SpiffeId,
    pub second_id: SpiffeId,
    /// An identity of the same trust domain that is not this program's.
    pub other_id: SpiffeId,
    pub partner: TrustDomain,
    pub peer_id: SpiffeId,
    /// Lets this program in.
    pub open_port: u16,
    /// Lets only others in.
    pub closed_port: u16,
}

impl Subject {
    pub fn own_domain(&self) -> &TrustDomain {
        self.id.trust_domain()
    }
}

/// Reads a stream until what is read from its messages has changed, and tells the first value and the second one.
pub async fn until_changed<T, E: Error + 'static>(
    stream: impl Stream<Item = Result<T, E>>,
    read: impl Fn(T) -> Outcome,
) -> Outcome {
    let mut stream = std::pin::pin!(stream);
    let changed = async {
        let mut first = None;
        while let Some(message) = stream.next().await {
            let value = read(message?)?;
            match &first {
                None => first = Some(value),
                Some(before) if *before != value => return Ok(format!("{before}, then {value}")),
                Some(_) => {}
            }
        }
        Err("the stream ended".into())
    };
    tokio::time::timeout(WATCH, changed).await.map_err(|_| "no change arrived")?
}
