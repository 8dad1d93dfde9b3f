//! Real servers on ports of their own, that end with the test that started them.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A `redis-server`, killed by its own handle when this is dropped, as also when the test panics.
pub(crate) struct Server {
    child: Option<Child>,
    port: u16,
    folder: Folder,
    arguments: Vec<String>,
    /// What `redis-cli` needs beside the port.
    pub(crate) login: Vec<String>,
}

/// A new folder, removed with all that is in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tower-bearer-redis-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Server {
    /// A server of nothing, that keeps nothing.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(arguments: &[&str]) -> Self {
        Self::in_folder(Folder::new(), arguments, |_, _| ())
    }

    /// With more arguments, in which `{port}` is its port, and with what `prepare` puts into its folder, knowing its port.
    pub(crate) fn in_folder(
        folder: Folder,
        arguments: &[&str],
        prepare: impl Fn(&Folder, u16),
    ) -> Self {
        let mut server = Self {
            child: None,
            port: 0,
            folder,
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
            login: Vec::new(),
        };
        // Somebody else may take the port between our looking and the server's.
        for _ in 0..20 {
            server.port = free_port();
            prepare(&server.folder, server.port);
            server.spawn();
            if server.comes_up() {
                return server;
            }
        }
        panic!("no redis-server came up");
    }

    fn spawn(&mut self) {
        let mut command = Command::new("redis-server");
        let configuration = self.folder.path("configuration");
        if configuration.exists() {
            command.arg(configuration);
        }
        let port = self.port.to_string();
        let arguments = self.arguments.iter();
        // Before the others, which may say otherwise.
        command
            .args(["--port", &port])
            .args(["--bind", "127.0.0.1", "--daemonize", "no"])
            .arg("--dir")
            .arg(&self.folder.0)
            .args(arguments.map(|argument| argument.replace("{port}", &port)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if !self
            .arguments
            .iter()
            .any(|argument| argument == "--sentinel")
        {
            command.args(["--save", "", "--appendonly", "no"]);
        }
        self.child = Some(command.spawn().expect("redis-server is installed"));
    }

    /// Whether it answers, be it that it wants a password or TLS.
    fn comes_up(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            let child = self.child.as_mut().expect("it was started");
            if child.try_wait().expect("it can be waited for").is_some() {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            sleep(Duration::from_millis(10));
        }
        false
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it at once, as if the machine had lost power.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again, on the same port and without what it held.
    pub(crate) fn start_again(&mut self) {
        self.kill();
        self.spawn();
        assert!(self.comes_up(), "the port was taken meanwhile");
    }

    /// Its connections stay, and nothing is answered.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let child = self.child.as_ref().expect("it runs");
        // The shell's own; the program is not everywhere.
        let kill = format!("kill {signal} {}", child.id());
        let told = Command::new("sh").args(["-c", &kill]).status();
        assert!(told.expect("a shell").success());
    }

    /// What `redis-cli` prints for this command.
    pub(crate) fn cli(&self, command: &[&str]) -> String {
        let mut cli = Command::new("redis-cli");
        cli.args(["-p", &self.port.to_string()]).args(&self.login);
        let output = cli.args(command).output().expect("redis-cli is installed");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The same, waiting until it prints `wanted`.
    pub(crate) fn until(&self, command: &[&str], wanted: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        loop {
            let printed = self.cli(command);
            if wanted(&printed) {
                return;
            }
            let waited = begun.elapsed();
            assert!(waited < Duration::from_secs(30), "{command:?}: {printed}");
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        // A Cluster's node needs the one that is 10000 above, too.
        if port < 55_000 {
            return port;
        }
    }
}

/// A self-made authority and a certificate for 127.0.0.1 that it has signed: `ca.pem`, `server.pem`, `server.key`.
pub(crate) fn certificates(folder: &Folder) {
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(&folder.0)
            .output()
            .expect("openssl is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    };
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ];
    let authority = ["req", "-x509", "-subj", "/CN=Test authority", "-days", "2"];
    let files = ["-keyout", "ca.key", "-out", "ca.pem"];
    run(&[&authority[..], &key[..], &files[..]].concat());
    let request = ["req", "-subj", "/CN=redis"];
    let files = ["-keyout", "server.key", "-out", "server.csr"];
    run(&[&request[..], &key[..], &files[..]].concat());
    fs::write(folder.path("names"), "subjectAltName=IP:127.0.0.1").expect("a folder");
    run(&[
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-days",
        "2",
        "-CAcreateserial",
        "-extfile",
        "names",
        "-out",
        "server.pem",
    ]);
}

/// Whether the test of this name has a process to itself, as what looks at memory must. If not, runs it in one.
pub(crate) fn alone(test: &str) -> bool {
    const ALONE: &str = "TOWER_BEARER_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let program = std::env::current_exe().expect("this program");
    let ran = Command::new(program)
        .args(["--ignored", "--exact", "--nocapture", test])
        .env(ALONE, "yes")
        .status();
    assert!(ran.expect("this program").success());
    false
}

/// The bytes that this process has in memory.
pub(crate) fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/statm").expect("a Linux");
    let pages = status.split(' ').nth(1).expect("its second number");
    pages.parse::<u64>().expect("a number") * 4096
}

/// The text of a path.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path of plain characters")
}
