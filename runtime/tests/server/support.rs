//! A server in a scratch folder with a cleared environment, and a small client.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;

/// Time for a server to listen, and for its model to be ready. A debug build on a busy machine needs some of it.
const START_MAX: Duration = Duration::from_secs(30);

#[expect(clippy::disallowed_methods, reason = "tests measure real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Asks again and again until there is an answer.
pub(crate) fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = now();
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(start.elapsed() < START_MAX, "{what} took more than {START_MAX:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    pub folder: tempfile::TempDir,
    pub child: Child,
    pub address: SocketAddr,
}

/// The command in `folder`, with only those variables that lead to ONNX Runtime.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlo-runtime"));
    command.current_dir(folder).env_clear().args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    // No load balancer has to notice anything here.
    command.env("MLO_RUNTIME_LAME_DUCK_SECONDS", "0");
    for name in ["HOME", "XDG_CACHE_HOME", "MLO_ONNXRUNTIME", "ORT_DYLIB_PATH", "VIRTUAL_ENV", "LOCALAPPDATA"]
    {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// ONNX Runtime's library, as whoever runs the tests names it.
pub(crate) fn library() -> std::ffi::OsString {
    std::env::var_os("MLO_ONNXRUNTIME")
        .expect("MLO_ONNXRUNTIME names the library; `cargo xtask test` sets it")
}

/// A program that tests need: named by a variable, else as an earlier `cargo xtask test` left it in the user's cache.
pub(crate) fn tool(variable: &str, folder: &str, program: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        return path.into();
    }
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let tools = std::fs::read_dir(home.join(".cache/mlo/tools")).into_iter().flatten().flatten();
    let mut found = tools.filter(|entry| entry.file_name().to_string_lossy().starts_with(folder));
    let found = found.find_map(|entry| Some(entry.path().join(program)).filter(|path| path.is_file()));
    found.unwrap_or_else(|| panic!("{variable} names no program; `cargo xtask test` obtains it"))
}

/// Whether long tests are to be run as long as they can be.
pub(crate) fn full() -> bool {
    std::env::var_os("MLO_TEST_FULL").is_some()
}

/// Numbers by a seed, the same in every run.
pub(crate) struct Seeded(pub u64);

impl Seeded {
    pub(crate) fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }

    /// Bytes with some of them changed, left out, put in, cut off or said twice.
    pub(crate) fn changed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.next(4) {
            let place = self.next(bytes.len().max(1));
            match self.next(5) {
                _ if bytes.is_empty() => bytes.push(b'x'),
                0 => bytes[place] = u8::try_from(self.next(256)).unwrap(),
                1 => drop(bytes.remove(place)),
                2 => bytes.insert(place, b"[]{}\",:0-e.\\u"[self.next(13)]),
                3 => bytes.truncate(place + 1),
                _ => bytes.extend_from_within(place..),
            }
        }
        bytes
    }
}

pub(crate) fn lay(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
    path
}

impl Server {
    /// Starts a server on a free port, with this model as `iris.onnx` if there is one, and waits until it listens.
    pub(crate) fn start(model: Option<&[u8]>, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut all = vec!["--run-file", "run.json"];
        if !arguments.contains(&"--port") {
            all.extend(["--port", "0"]);
        }
        if let Some(model) = model {
            lay(folder.path(), "iris.onnx", model);
            all.extend(["--model", "iris.onnx"]);
        }
        all.extend(arguments);
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = command(folder.path(), &all).stderr(log).spawn().unwrap();
        let mut server = Self { folder, child, address: "127.0.0.1:0".parse().unwrap() };
        let port = until("listening", || {
            assert!(server.child.try_wait().unwrap().is_none(), "the server ended: {}", server.log());
            server.run_file().and_then(|record| record["port"].as_u64())
        });
        server.address.set_port(u16::try_from(port).unwrap());
        server
    }

    /// Starts a server and waits until its model answers.
    pub(crate) fn ready(model: &[u8], arguments: &[&str]) -> Self {
        let server = Self::start(Some(model), arguments);
        let status = server.settled();
        assert_eq!(status, 200, "the server is not ready:\n{}", server.log());
        server
    }

    /// Waits until the model is loaded or refused; the status of `/ready` then.
    pub(crate) fn settled(&self) -> u16 {
        until("loading the model", || {
            let reply = self.get("/ready");
            (reply.json()["status"] != "loading").then_some(reply.status)
        })
    }

    pub(crate) fn run_file(&self) -> Option<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("run.json")).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Waits until the log, which is written beside the answers, holds this text.
    pub(crate) fn wait_for_log(&self, text: &str) {
        for _ in 0..100 {
            if self.log().contains(text) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("`{text}` is not in\n{}", self.log());
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        self.ask("POST", path, &[("content-type", "application/json")], body.as_ref())
    }

    pub(crate) fn predict(&self, body: &Value) -> Value {
        let reply = self.post("/predict", body.to_string());
        assert_eq!(reply.status, 200, "{body}: {}", reply.body);
        reply.json()
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let (status, headers, body) = self.exchange(method, path, headers, body);
        Reply { status, headers, body: String::from_utf8(body).unwrap() }
    }

    /// The same with an answer of any bytes.
    pub(crate) fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, hyper::HeaderMap, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let mut request = hyper::Request::builder().method(method).uri(path).header("host", "localhost");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
            let response = sender.send_request(request).await.unwrap();
            let (head, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            (head.status.as_u16(), head.headers, body.to_vec())
        })
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(START_MAX)).unwrap();
        stream
    }

    /// Sends bytes as they are and reads what comes until the server closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // The server may close before everything is sent.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Waits for the end; how, and after how long.
    pub(crate) fn ended(&mut self) -> (ExitStatus, Duration) {
        let start = now();
        let status = until("ending", || self.child.try_wait().unwrap());
        (status, start.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
pub(crate) struct Reply {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    pub body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Whether two numbers are the same up to the rounding of 32 bits.
pub(crate) fn near(got: &Value, expected: f64) -> bool {
    got.as_f64().is_some_and(|got| (got - expected).abs() < 1e-6)
}
