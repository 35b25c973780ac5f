//! The signals that the server acts on.

use std::io;

/// Waits for control-C.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(crate) fn ended() -> io::Result<impl Future<Output = &'static str>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
        "control-C"
    })
}

/// Waits for SIGTERM or SIGINT. From this call on, neither ends the process by itself.
#[cfg(unix)]
pub(crate) fn ended() -> io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

/// SIGHUP, which there is none of here.
#[cfg(not(unix))]
pub(crate) struct Hangups;

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
impl Hangups {
    pub(crate) fn new() -> io::Result<Hangups> {
        Ok(Hangups)
    }

    pub(crate) async fn next(&mut self) {
        std::future::pending().await
    }
}

/// SIGHUP. From its creation on, the signal does not end the process.
#[cfg(unix)]
pub(crate) struct Hangups(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Hangups {
    /// Call it within a runtime.
    pub(crate) fn new() -> io::Result<Hangups> {
        use tokio::signal::unix::{SignalKind, signal};

        signal(SignalKind::hangup()).map(Hangups)
    }

    /// Waits for the next one; several that have come since the last count as one.
    pub(crate) async fn next(&mut self) {
        let Hangups(signal) = self;
        // Without an end: the stream ends with the runtime.
        if signal.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
