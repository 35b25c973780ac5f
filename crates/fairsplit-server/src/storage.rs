//! A directory that stops storing, and stores again, in the log: once each, not at every sync.

use std::time::Duration;

use fairsplit::Engine;
use tracing::{error, info};

/// How often counts are written to the disk, and how often this looks whether that works.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// Logs when storing begins to fail and when it works again, for as long as it is awaited. What the
/// engine reports comes from changes as well as from the syncs.
pub(crate) async fn log(engine: Engine) {
    let mut is_failing = false;
    loop {
        match (engine.storage_error(), is_failing) {
            (Some(failure), false) => error!(error = %failure, "the directory cannot be written"),
            (None, true) => info!("the directory can be written again"),
            _ => {}
        }
        is_failing = engine.storage_error().is_some();
        tokio::time::sleep(INTERVAL).await;
    }
}
