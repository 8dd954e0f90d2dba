//! Prints one JSON line per check.

use std::error::Error;
use std::fmt::Debug;

use serde_json::json;

/// What a check saw, in one sentence.
pub type Outcome = Result<String, Box<dyn Error>>;

#[derive(Default)]
pub struct Report {
    failed: bool,
}

impl Report {
    /// Runs one check. The others run whatever comes of it.
    pub async fn check(&mut self, name: &str, step: impl Future<Output = Outcome>) {
        let outcome = step.await;
        self.failed |= outcome.is_err();
        let ok = outcome.is_ok();
        let detail = outcome.unwrap_or_else(|error| error.to_string());
        println!("{}", json!({ "check": name, "ok": ok, "detail": detail.replace('\n', " ") }));
    }

    pub fn passed(&self) -> bool {
        !self.failed
    }
}

pub fn expect<T: PartialEq + Debug>(what: &str, got: T, want: T) -> Result<(), Box<dyn Error>> {
    if got == want {
        return Ok(());
    }
    Err(format!("{what}: got {got:?}, want {want:?}").into())
}

/// The outcome of a step that must fail, and for this reason: a failure for another one proves nothing.
pub fn refused<T, E: Into<Box<dyn Error>>>(reason: &str, outcome: Result<T, E>) -> Outcome {
    let Err(error) = outcome else {
        return Err("was accepted".into());
    };
    let why = explain(error.into().as_ref());
    if why.contains(reason) {
        return Ok(why);
    }
    Err(format!("refused for another reason than {reason:?}: {why}").into())
}

/// An error with all its causes.
fn explain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&each| each.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
