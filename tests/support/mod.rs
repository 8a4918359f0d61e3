//! A scratch folder and the program run in it as a user runs it: a cleared environment, nothing shared but the cache
//! in which ONNX Runtime lies.

pub(crate) mod aging;
#[cfg(target_os = "linux")]
pub(crate) mod cluster;
pub(crate) mod pack;
pub(crate) mod schema;
pub(crate) mod server;
mod tools;

pub(crate) use tools::{obtained, opa};

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The repository's root.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of its own for one test. What it started is destroyed with it.
pub(crate) struct Project {
    folder: TempDir,
    /// The bundle of policies in place of the built-in one.
    policies: Option<&'static str>,
}

/// What one run of the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Project {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("mlo-test-").tempdir().unwrap(), policies: None }
    }

    /// A folder with these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let project = Self::new();
        for (name, text) in files {
            project.write(name, text);
        }
        project
    }

    /// A copy of a folder of the repository, what runs left in it aside.
    pub(crate) fn copy_of(folder: &str) -> Self {
        let project = Self::new();
        copy(&repository().join(folder), project.path());
        project
    }

    /// A copy of the repository's examples, under their own name.
    pub(crate) fn take_examples(&self) {
        copy(&repository().join("examples"), &self.path().join("examples"));
    }

    /// Lets everything pass the gate, for tests of what comes after it.
    pub(crate) fn ungoverned(mut self) -> Self {
        for package in ["model.governance", "deployment.policy"] {
            self.write(
                &format!("ungoverned/{package}.rego"),
                format!("package {package}\n\ndeny contains \"\" if false\n"),
            );
        }
        self.policies = Some("ungoverned");
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::File::create(file).unwrap().write_all(text.as_ref()).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Replaces text in a file; it must be there.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} holds `{from}`:\n{text}");
        self.write(name, text.replace(from, to));
    }

    /// The program with a cleared environment, in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mlo"));
        command.args(arguments).current_dir(self.path()).env_clear().stdin(Stdio::null());
        // A file that is not there: whoever runs the tests may have a cluster, which is none of their business.
        command.env("KUBECONFIG", "no-cluster");
        command.envs(self.policies.map(|bundle| ("MLO_POLICIES", bundle)));
        for name in
            ["PATH", "HOME", "XDG_CACHE_HOME", "MLO_ONNXRUNTIME", "ORT_DYLIB_PATH", "LLVM_PROFILE_FILE"]
        {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs the program and waits for it.
    pub(crate) fn mlo(&self, arguments: &[&str]) -> Said {
        said(&mut self.command(arguments))
    }

    /// Runs the program, which must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> Said {
        let said = self.mlo(arguments);
        assert_eq!(said.code, 0, "mlo {}\n{}", arguments.join(" "), said.all());
        said
    }

    /// Runs the program with `--json`, which must end with this code, and gives its document.
    pub(crate) fn json(&self, arguments: &[&str], code: i32) -> serde_json::Value {
        let said = self.mlo(&[arguments, &["--json"]].concat());
        assert_eq!(said.code, code, "mlo {}\n{}", arguments.join(" "), said.all());
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}\n{}", said.all()))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // A test that failed in the middle must not leave a server behind.
        for folder in [".", "examples/iris"] {
            if self.path().join(folder).join(".mlo").exists() {
                let _ = self.command(&["destroy", folder, "--auto-approve"]).output();
            }
        }
    }
}

/// Runs a command and waits for it.
pub(crate) fn said(command: &mut Command) -> Said {
    Said::of(command.output().unwrap())
}

/// Runs a command with a text as its standard input and waits for it. It may end before it has read all.
pub(crate) fn fed(command: &mut Command, text: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    Said::of(child.wait_with_output().unwrap())
}

impl Said {
    pub(crate) fn of(output: std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Everything, for a message.
    pub(crate) fn all(&self) -> String {
        format!("exit code {}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err)
    }

    /// Asserts that both streams together hold each of these texts.
    #[track_caller]
    pub(crate) fn has(&self, texts: &[&str]) -> &Self {
        let all = self.all();
        for text in texts {
            assert!(all.contains(text), "`{text}` is missing in\n{all}");
        }
        self
    }

    /// Asserts that neither stream holds any of these texts.
    #[track_caller]
    pub(crate) fn has_not(&self, texts: &[&str]) -> &Self {
        let all = self.all();
        for text in texts {
            assert!(!all.contains(text), "`{text}` is in\n{all}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{}", self.all());
        self
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target: PathBuf = to.join(path.file_name().unwrap());
        if path.ends_with(".mlo") {
            continue;
        }
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// `POST` of a JSON body to an `http://` address: status and body.
pub(crate) fn post(url: &str, body: &str) -> (u16, String) {
    exchange(url, &format!("POST {{path}} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()))
        .unwrap()
}

/// `GET` of an `http://` address: status and body; nothing if nobody answers.
pub(crate) fn get(url: &str) -> Option<(u16, String)> {
    exchange(url, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()
}

fn exchange(url: &str, request: &str) -> std::io::Result<(u16, String)> {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("`{url}` is an http address"));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(request.replace("{path}", &format!("/{path}")).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok((status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
}
