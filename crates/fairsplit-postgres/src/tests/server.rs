//! A PostgreSQL server of its own for a test, on a socket in a temporary directory.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::schema::Schema;

/// The user that the server runs as where the tests run as root, which PostgreSQL refuses.
const UNPRIVILEGED: u32 = 65_534;
const LIMIT: Duration = Duration::from_secs(5);

/// A server with the tables of a fleet. It ends when this is dropped.
pub(crate) struct Server {
    programs: PathBuf,
    directory: PathBuf,
    child: Child,
}

impl Server {
    /// `None`, with a line that says so, where PostgreSQL's programs are not found.
    pub(crate) fn start() -> Option<Server> {
        static SERVERS: AtomicU32 = AtomicU32::new(0);
        let Some(programs) = programs() else {
            let _ =
                writeln!(io::stderr(), "SKIPPED: no PostgreSQL here; `apt-get install postgresql`");
            return None;
        };
        let number = SERVERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("fairsplit-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).unwrap();
        if is_root() {
            chown(&directory, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).unwrap();
        }
        let mut initdb = command(&programs.join("initdb"));
        initdb.args(["--no-sync", "-A", "trust", "-U", "fleet", "-E", "UTF8", "-D"]);
        assert!(initdb.arg(directory.join("data")).status().unwrap().success(), "initdb failed");
        let child = run(&programs, &directory);
        let server = Server { programs, directory, child };
        server.wait();
        Schema::default().init(&server.url()).unwrap();
        Some(server)
    }

    /// Where its socket is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn url(&self) -> String {
        self.url_of("fleet")
    }

    pub(crate) fn url_of(&self, user: &str) -> String {
        format!("host={} user={user} dbname=postgres", self.directory.display())
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection::new(&self.url(), LIMIT).unwrap()
    }

    /// Executes statements that return nothing.
    pub(crate) fn execute(&self, statements: &str) {
        self.connection().batch(statements).unwrap();
    }

    /// SIGKILL to the server, and a start on the same directory.
    pub(crate) fn kill_and_restart(&mut self) {
        self.kill();
        self.restart();
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn restart(&mut self) {
        let until = Instant::now() + 6 * LIMIT;
        // Processes of the one that was killed may still be there, and then a start is refused.
        loop {
            self.child = run(&self.programs, &self.directory);
            if self.is_up() {
                return;
            }
            self.kill();
            assert!(Instant::now() < until, "the server does not start");
        }
    }

    fn wait(&self) {
        assert!((0..5).any(|_| self.is_up()), "the server does not start");
    }

    /// Waits until the server answers, or has given up.
    fn is_up(&self) -> bool {
        let until = Instant::now() + LIMIT;
        while Instant::now() < until {
            if self.connection().query("SELECT 1", &[]).is_ok() {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn run(programs: &Path, directory: &Path) -> Child {
    let mut server = command(&programs.join("postgres"));
    server.arg("-D").arg(directory.join("data")).arg("-k").arg(directory);
    // SIGKILL loses nothing that the kernel has, so no test waits for the disk.
    server.args(["-c", "listen_addresses=", "-c", "max_connections=50", "-c", "fsync=off"]);
    server.spawn().unwrap()
}

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    if is_root() {
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// The folder of `initdb` and `postgres`.
fn programs() -> Option<PathBuf> {
    let asked = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output();
    let asked = asked.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let asked = asked.map(|folder| PathBuf::from(folder.trim()));
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let installed = versions.map(|version| version.path().join("bin"));
    asked.into_iter().chain(installed).find(|folder| folder.join("initdb").is_file())
}
