//! Repositories, by the `git` program: the one door to it.
//!
//! Goes in: an address. Comes out: a commit and its files. Never happens: a shell, a hook, a filter, a submodule, a
//! checkout, a question on the terminal, another protocol than the address has.

use super::address::Git;
use super::error::FetchError;
use super::secret;
use super::store::Store;
use super::tree::{BYTES_MAX, FILES_MAX, Gathering, Tree};
use futures_util::future::Either;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

/// Time for one call of `git`; a large repository over a slow line takes minutes.
const GIT_WITHIN: Duration = Duration::from_mins(5);
/// Bytes of what `git` says that are read.
const SAID_BYTES_MAX: u64 = 64 << 10;
/// Bytes of the list of a commit's files.
const LIST_BYTES_MAX: u64 = 16 << 20;
/// Bytes that a fetch may leave on the disk: packs are compressed, but may hold the whole history.
const FETCHED_BYTES_MAX: u64 = 16 * BYTES_MAX;
/// How often what a fetch has left on the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Folders in folders of a bare repository, where packs and objects are.
const DEPTH_MAX: usize = 4;
/// Lines of what `git` says that are shown.
const LINES_SHOWN_MAX: usize = 3;

/// Settings under which `git` runs, whatever the user's are.
const SETTINGS: [&str; 10] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "credential.interactive=never",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    // Only the host that was written is looked at by the guard against hosts of this machine's network.
    "http.followRedirects=false",
];
/// Variables that would lead `git` to another repository, as in a hook.
const UNSET: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_EXTERNAL_DIFF",
    "GIT_TRACE",
];

/// A call of `git` in a folder.
struct Calls<'c> {
    folder: &'c Path,
    git: &'c Git,
    secrets: Vec<String>,
    /// The user's `GIT_SSH_COMMAND`.
    ssh: Option<String>,
    /// Bytes that may come to lie in the folder.
    bytes_max: u64,
}

/// Fetches a commit: the one that is `locked`, or what the address names now.
pub(super) async fn fetch(
    git: &Git,
    locked: Option<&str>,
    ssh: Option<String>,
    store: &Store,
) -> Result<(String, Tree), FetchError> {
    let scratch = store.scratch()?;
    let secrets = secret::secrets(&git.url);
    let calls = Calls { folder: scratch.path(), git, secrets, ssh, bytes_max: FETCHED_BYTES_MAX };
    calls.run(&["init", "--quiet", "--bare", "--template=", "."]).await?;
    let commit = calls.commit(locked).await?;
    let tree = calls.files(&commit).await?;
    Ok((commit, tree))
}

impl Calls<'_> {
    /// Fetches the commit, and as little else as possible.
    async fn commit(&self, locked: Option<&str>) -> Result<String, FetchError> {
        let named = locked.or(self.git.reference.as_deref());
        let name = named.unwrap_or("HEAD");
        let url = self.url();
        let shallow = ["fetch", "--quiet", "--no-tags", "--depth=1", "--", &url, name];
        let Err(first) = self.bounded(&shallow).await else { return self.resolve("FETCH_HEAD").await };
        let is_digits = (4..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let no_shallow = first.to_string().contains("shallow");
        if !is_digits && !no_shallow {
            return Err(first);
        }
        // A part of a commit's digits, or a server that gives no single commits: everything.
        let all = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
        self.bounded(&["fetch", "--quiet", "--", &url, all[0], all[1]]).await?;
        if is_digits {
            let found = self.resolve(name).await;
            return found.map_err(|_| FetchError::Remote(format!("the repository has no commit `{name}`")));
        }
        self.bounded(&["fetch", "--quiet", "--", &url, name]).await?;
        self.resolve("FETCH_HEAD").await
    }

    async fn resolve(&self, name: &str) -> Result<String, FetchError> {
        let name = format!("{name}^{{commit}}");
        let said = self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name]).await?;
        let commit = String::from_utf8_lossy(&said).trim().to_owned();
        let digits = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits && matches!(commit.len(), 40 | 64) {
            return Ok(commit);
        }
        Err(FetchError::Remote("`git` names no commit".to_owned()))
    }

    /// The files of a commit, read from its objects: nothing is checked out, so no filter or attribute has a say.
    async fn files(&self, commit: &str) -> Result<Tree, FetchError> {
        let list = self.run(&["ls-tree", "-r", "-z", "-l", "--full-tree", commit]).await?;
        let mut wanted = Vec::new();
        let mut bytes = 0_u64;
        for line in list.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            let line = std::str::from_utf8(line)
                .map_err(|_| FetchError::Package("a path in it is not UTF-8 text".to_owned()))?;
            let (head, path) = line.split_once('\t').ok_or_else(not_understood)?;
            let mut words = head.split_whitespace();
            let (mode, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let (object, size) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            // Other repositories inside of this one are left out.
            if kind != "blob" {
                continue;
            }
            let size: u64 = size.parse().map_err(|_| not_understood())?;
            bytes = bytes.saturating_add(size);
            wanted.push((mode == "120000", object.to_owned(), path.to_owned(), size));
        }
        if wanted.len() > FILES_MAX || bytes > BYTES_MAX {
            return Err(FetchError::Package(format!(
                "it has {} files of {} MiB; {FILES_MAX} files and {} MiB are the most",
                wanted.len(),
                bytes >> 20,
                BYTES_MAX >> 20
            )));
        }
        let read = self.objects(&wanted);
        tokio::time::timeout(GIT_WITHIN, read).await.map_err(|_| too_long())??.finish()
    }

    async fn objects(&self, wanted: &[(bool, String, String, u64)]) -> Result<Gathering, FetchError> {
        let mut child = self
            .command(&["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| not_started(&error))?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(not_understood());
        };
        let names = wanted.iter().fold(String::new(), |names, (_, object, ..)| names + object + "\n");
        let asking = async move {
            // Who stops reading has said why on the other side.
            let _ = input.write_all(names.as_bytes()).await;
        };
        let reading = async {
            let mut output = BufReader::new(output);
            let mut gathered = Gathering::default();
            for (is_link, object, path, size) in wanted {
                let head = format!("{object} blob {size}\n");
                let mut said = vec![0; head.len()];
                output.read_exact(&mut said).await.map_err(|_| not_understood())?;
                if said != head.as_bytes() {
                    return Err(not_understood());
                }
                let mut content = vec![0; usize::try_from(*size).map_err(|_| not_understood())? + 1];
                output.read_exact(&mut content).await.map_err(|_| not_understood())?;
                content.pop();
                if *is_link {
                    gathered.link(path, &String::from_utf8_lossy(&content))?;
                } else {
                    gathered.file(path, content)?;
                }
            }
            Ok(gathered)
        };
        let ((), gathered) = futures_util::future::join(asking, reading).await;
        gathered
    }

    /// The address without credentials: these go by the environment, where other users do not see them.
    fn url(&self) -> String {
        secret::stripped(&self.git.url)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.args(arguments).current_dir(self.folder).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in UNSET {
            command.env_remove(name);
        }
        let allowed = if self.git.url.starts_with("file://") { "file" } else { "https:ssh:http" };
        let ssh = self.ssh.as_deref().unwrap_or("ssh -oBatchMode=yes");
        command.env("GIT_ALLOW_PROTOCOL", allowed).env("GIT_PROTOCOL_FROM_USER", "0");
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_LFS_SKIP_SMUDGE", "1").env("LC_ALL", "C");
        command.env("GIT_SSH_COMMAND", ssh).env("GIT_CEILING_DIRECTORIES", self.folder);
        let (bare, whole) = (self.url(), &self.git.url);
        if bare != *whole {
            command.env("GIT_CONFIG_COUNT", "1");
            command.env("GIT_CONFIG_KEY_0", format!("url.{whole}.insteadOf")).env("GIT_CONFIG_VALUE_0", bare);
        }
        command
    }

    /// Runs `git`, and ends it when more is in its folder than a repository may have.
    async fn bounded(&self, arguments: &[&str]) -> Result<Vec<u8>, FetchError> {
        let is_too_large = || size(self.folder, DEPTH_MAX) > self.bytes_max;
        let too_large = async {
            while !is_too_large() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let running = std::pin::pin!(self.run(arguments));
        match futures_util::future::select(running, std::pin::pin!(too_large)).await {
            Either::Left((ended, _)) if !is_too_large() => ended,
            _ => Err(FetchError::Package(format!(
                "its repository is larger than {} MiB",
                self.bytes_max >> 20
            ))),
        }
    }

    /// Runs `git` and gives what it prints.
    async fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, FetchError> {
        let mut child = self.command(arguments).spawn().map_err(|error| not_started(&error))?;
        let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(not_understood());
        };
        let ended = async {
            let (mut out, mut said) = (Vec::new(), Vec::new());
            let mut output = output.take(LIST_BYTES_MAX + 1);
            let reading = futures_util::future::join(output.read_to_end(&mut out), drain(errors, &mut said));
            let (read, ()) = reading.await;
            read.map_err(|_| not_understood())?;
            if out.len() as u64 > LIST_BYTES_MAX {
                return Err(FetchError::Package(format!("it has more than {FILES_MAX} files")));
            }
            let status = child.wait().await.map_err(|_| not_understood())?;
            if status.success() { Ok(out) } else { Err(self.failed(&said)) }
        };
        tokio::time::timeout(GIT_WITHIN, ended).await.map_err(|_| too_long())?
    }

    fn failed(&self, said: &[u8]) -> FetchError {
        let said = secret::scrubbed(&String::from_utf8_lossy(said), &self.secrets);
        let lines = said.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("hint:"));
        let lines: Vec<_> =
            lines.take(LINES_SHOWN_MAX).map(|line| crate::diag::escape(line).into_owned()).collect();
        let said = if lines.is_empty() { "nothing".to_owned() } else { lines.join("; ") };
        let redirects = ["error: 301", "error: 302", "error: 307", "error: 308"];
        let way_out = if redirects.iter().any(|code| said.contains(code)) {
            "; the server leads on to another address: write that one as the source"
        } else {
            ""
        };
        FetchError::Remote(format!("`git` says: {said}{way_out}"))
    }
}

/// Bytes of the files in a folder and in those below it. What comes and goes meanwhile counts as nothing.
fn size(folder: &Path, depth: usize) -> u64 {
    let Ok(entries) = folder.read_dir() else { return 0 };
    let sizes = entries.flatten().filter_map(|entry| Some((entry.metadata().ok()?, entry.path())));
    let sizes = sizes.map(|(found, path)| match found.is_dir() {
        true if depth > 0 => size(&path, depth - 1),
        true => 0,
        false => found.len(),
    });
    sizes.fold(0, u64::saturating_add)
}

/// Reads to the end, and keeps the beginning.
async fn drain(mut from: impl tokio::io::AsyncRead + Unpin, into: &mut Vec<u8>) {
    let _ = (&mut from).take(SAID_BYTES_MAX).read_to_end(into).await;
    let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
}

fn not_started(error: &std::io::Error) -> FetchError {
    let why = crate::diag::because(error);
    FetchError::Remote(match error.kind() {
        std::io::ErrorKind::NotFound => "the program `git` is not installed, or not in `PATH`".to_owned(),
        _ => format!("the program `git` cannot be started: {why}"),
    })
}

fn not_understood() -> FetchError {
    FetchError::Remote("what `git` says is not understood".to_owned())
}

fn too_long() -> FetchError {
    FetchError::Remote(format!("`git` is not done after {} s", GIT_WITHIN.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::super::address::{Address, Package};
    use super::*;
    use sha2::{Digest as _, Sha256};
    use std::io::Write as _;

    #[tokio::test]
    async fn a_repository_larger_than_allowed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let git = |arguments: &[&str]| {
            let named = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-C", from.to_str().unwrap()];
            let run = std::process::Command::new("git").args(named).args(arguments).output().unwrap();
            assert!(run.status.success(), "{run:?}");
        };
        std::fs::create_dir(&from).unwrap();
        std::fs::create_dir(&to).unwrap();
        git(&["init", "--quiet", "--initial-branch=main"]);
        // Of what cannot be packed.
        let mut digest = Sha256::digest(b"seed");
        let mut noise = Vec::new();
        while noise.len() < 3 << 20 {
            noise.extend_from_slice(&digest);
            digest = Sha256::digest(digest);
        }
        std::fs::File::create(from.join("noise")).unwrap().write_all(&noise).unwrap();
        git(&["add", "."]);
        git(&["commit", "--quiet", "--message=x"]);
        let address = Address::parse(&format!("git::file://{}", from.display())).unwrap();
        let Package::Git(repository) = address.package else { panic!("no repository") };
        for (bytes_max, refused) in [(2 << 20, true), (8 << 20, false)] {
            let calls = Calls { folder: &to, git: &repository, secrets: Vec::new(), ssh: None, bytes_max };
            calls.run(&["init", "--quiet", "--bare", "--template=", "."]).await.unwrap();
            let fetched = calls.commit(None).await.map_err(|error| error.to_string());
            assert_eq!(
                fetched.as_ref().is_err_and(|error| error.contains("larger than 2 MiB")),
                refused,
                "{fetched:?}"
            );
            assert_eq!(fetched.is_ok(), !refused, "{fetched:?}");
        }
    }
}
