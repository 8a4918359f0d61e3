//! Servers that speak as S3 does, started for a test.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The bucket that each has.
pub(crate) const BUCKET: &str = "states";
/// The key that each takes.
pub(crate) const ACCESS_KEY: &str = "test";
/// Its secret.
pub(crate) const SECRET_KEY: &str = "testtest";
/// How long a server may take to come up. moto loads much of itself first.
const COMES_UP: Duration = Duration::from_mins(1);

/// A program that `cargo xtask test` obtained: what the variable names, else where the chore keeps it.
#[expect(clippy::disallowed_methods, reason = "the only way to be told where the program is")]
fn program(variable: &str, folder: &str, name: &str) -> PathBuf {
    let named = |name: &str| std::env::var(name).ok().map(PathBuf::from);
    if let Some(program) = named(variable) {
        return program;
    }
    let cache = named("XDG_CACHE_HOME").or_else(|| {
        named("HOME")
            .map(|home| home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" }))
    });
    let tools = cache.map(|cache| cache.join("mlo/tools")).and_then(|tools| std::fs::read_dir(tools).ok());
    let found = tools.into_iter().flatten().flatten().find_map(|entry| {
        let program = entry.path().join("bin").join(name);
        (entry.file_name().to_string_lossy().starts_with(folder) && program.is_file()).then_some(program)
    });
    found.unwrap_or_else(|| panic!("no {name} here: run `cargo xtask test`, which obtains it"))
}

/// A server that runs, with an empty bucket.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Server {
    pub(crate) fn versitygw() -> Self {
        Self::start(|folder, address| {
            std::fs::create_dir(folder.join(BUCKET)).unwrap();
            let mut command = Command::new(program("MLO_TEST_VERSITYGW", "versitygw-v1.8.0-", "versitygw"));
            command.args(["--access", ACCESS_KEY, "--secret", SECRET_KEY, "--port"]).arg(address.to_string());
            command.args(["--quiet", "posix"]).arg(folder);
            command
        })
    }

    /// Another one, of other authors.
    #[allow(dead_code, reason = "not all who use this file have both")]
    pub(crate) fn moto() -> Self {
        let server = Self::start(|_, address| {
            let mut command = Command::new(program("MLO_TEST_MOTO", "moto-5.2.5-", "moto_server"));
            command.args(["-H", "127.0.0.1", "-p"]).arg(address.port().to_string());
            command
        });
        let mut stream = TcpStream::connect(server.address).unwrap();
        let request = format!(
            "PUT /{BUCKET} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            server.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        server
    }

    #[expect(clippy::disallowed_methods, reason = "a server is given some time to come up")]
    fn start(command: impl Fn(&Path, SocketAddr) -> Command) -> Self {
        let folder = tempfile::Builder::new().prefix("mlo-s3-").tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = command(folder.path(), address);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Self { child: child.unwrap(), address, folder };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < COMES_UP, "the server does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Where the objects of the bucket are files.
    #[allow(dead_code, reason = "not all who use this file look")]
    pub(crate) fn objects(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
