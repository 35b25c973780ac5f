//! The program as a process, and requests to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// Longer than anything here should take, on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const FLAG: &str = "00000000-0000-0000-0000-000000000001";
pub(crate) const EXPERIMENT: &str = "00000000-0000-0000-0000-000000000002";

pub(crate) fn fairsplit() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairsplit"));
    command.env_remove("FAIRSPLIT_TOKENS").stdin(Stdio::null());
    command
}

/// A file that is gone when the test is.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn new(name: &str, content: &str) -> File {
        let name = format!("fairsplit-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        File(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A directory that is gone when the test is. It does not exist at first.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("fairsplit-{}-{name}.d", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Directory(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// What it says when it starts.
    pub(crate) welcome: [String; 2],
    /// The lines of its log that were not read yet.
    log: Receiver<String>,
    /// What was read of the log.
    read: String,
    /// Held: a server whose reader is gone is another test.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    pub(crate) fn start(command: &mut Command) -> Server {
        let child = command.args(["--listen", "127.0.0.1:0"]);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Server::started(child, log)
    }

    /// Waits until a process that has been started listens.
    pub(crate) fn started(mut child: Child, mut log: BufReader<ChildStderr>) -> Server {
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let welcome = [line(), line()];
        let Some(address) = welcome[0].strip_prefix("listening on http://") else {
            let mut text = String::new();
            log.read_to_string(&mut text).unwrap();
            panic!("{text}");
        };
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || log.lines().try_for_each(|line| sender.send(line.unwrap())));
        Server {
            address: address.parse().unwrap(),
            child,
            welcome,
            log: lines,
            read: String::new(),
            _stdout: stdout,
        }
    }

    pub(crate) fn open(options: &[&str]) -> Server {
        Server::start(fairsplit().args(["serve", "--insecure-no-auth"]).args(options))
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Asks on a connection of its own; status and body.
    pub(crate) fn ask(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = self.connect();
        write!(stream, "{}", full(head, "connection: close\r\n", body)).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect(&text);
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub(crate) fn terminate(&self) {
        terminate(self.child.id());
    }

    pub(crate) fn hang_up(&self) {
        hang_up(self.child.id());
    }

    /// Waits until the log has a line with this text, and returns that line.
    pub(crate) fn logged(&mut self, text: &str) -> String {
        loop {
            let Ok(line) = self.log.recv_timeout(PATIENCE) else {
                panic!("no line with {text:?}: {}", self.read);
            };
            self.read.push_str(&line);
            self.read.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for its end; the exit code, and its log.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        for line in &self.log {
            self.read.push_str(&line);
            self.read.push('\n');
        }
        (self.child.wait().unwrap().code(), std::mem::take(&mut self.read))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn terminate(id: u32) {
    signal("-TERM", id);
}

pub(crate) fn hang_up(id: u32) {
    signal("-HUP", id);
}

fn signal(name: &str, id: u32) {
    assert!(Command::new("kill").args([name, &id.to_string()]).status().unwrap().success());
}

/// A request that is complete.
pub(crate) fn full(head: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{head} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

/// Reads one answer of a connection that stays open.
pub(crate) fn answer(reader: &mut impl BufRead) -> Option<(u16, String)> {
    let mut line = || {
        let mut line = String::new();
        (reader.read_line(&mut line).ok()? > 0).then_some(line)
    };
    let status = line()?.split(' ').nth(1)?.parse().ok()?;
    let mut length = 0;
    loop {
        let line = line()?.to_ascii_lowercase();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((status, String::from_utf8(body).ok()?))
}

/// A running experiment on the flag 1.
pub(crate) fn document() -> String {
    format!(
        r#"{{"flags": [{{"id": "{FLAG}", "key": "hero-banner", "default_value": "old", "experiments": [{{
            "id": "{EXPERIMENT}", "name": "n", "environment": "production", "status": "running",
            "variants": [{{"key": "a", "value": 1, "percentage": 50}}, {{"key": "b", "value": 2, "percentage": 50}}]
        }}]}}]}}"#
    )
}

pub(crate) fn track() -> String {
    format!("POST /api/v1/flags/{FLAG}/track")
}

/// What comes before a conversion that counts.
pub(crate) fn evaluate() -> String {
    format!("POST /api/v1/flags/{FLAG}/evaluate")
}

pub(crate) const ANNA: &str = r#"{"environment": "production", "user_key": "anna"}"#;
