//! A socket between a fleet and its server that loses what a test wants lost.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

/// What happens to what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The connection is cut before the server gets the statement.
    NoRequest,
    /// It is cut after the server has executed the statement, and before the answer.
    NoAnswer,
    /// The answer waits until there is no fault any more.
    Late,
}

/// Ends with the process.
pub(crate) struct Proxy {
    directory: PathBuf,
    fault: Arc<AtomicU8>,
}

const SOCKET: &str = ".s.PGSQL.5432";

impl Proxy {
    /// Before the server whose socket is in this directory.
    pub(crate) fn before(server: &Path) -> Proxy {
        let directory = server.join("proxy");
        fs::create_dir(&directory).unwrap();
        let listener = UnixListener::bind(directory.join(SOCKET)).unwrap();
        let fault = Arc::new(AtomicU8::new(Fault::None as u8));
        let (of_all, server) = (Arc::clone(&fault), server.join(SOCKET));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, UnixStream::connect(&server)) else {
                    continue;
                };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let fault = Arc::clone(&of_all);
                thread::spawn(move || pass(from, to, &fault, Fault::NoRequest));
                let fault = Arc::clone(&of_all);
                thread::spawn(move || pass(server, client, &fault, Fault::NoAnswer));
            }
        });
        Proxy { directory, fault }
    }

    pub(crate) fn url(&self) -> String {
        format!("host={} user=fleet dbname=postgres", self.directory.display())
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }
}

/// Passes bytes on until one side is closed, or cuts both at this fault.
fn pass(mut from: UnixStream, mut to: UnixStream, fault: &AtomicU8, cut_at: Fault) {
    let mut bytes = [0; 8_192];
    let is = |of: Fault| fault.load(Ordering::SeqCst) == of as u8;
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        while cut_at == Fault::NoAnswer && is(Fault::Late) {
            thread::sleep(Duration::from_millis(5));
        }
        if is(cut_at) || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    for side in [from, to] {
        let _ = side.shutdown(Shutdown::Both);
    }
}
