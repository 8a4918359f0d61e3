//! What a service keeps below `.mlo/services/<name>-<token's hash>`: `service.json` (its arguments), `run.json` (written by
//! the server while it runs), `server.log` (of this start) and `server.log.1` (of the one before).
//!
//! The log is also the sign of life: it is locked before the server is started, the server inherits the open file, and
//! the kernel lets go of the lock when the last process that has it ends. So a command that dies right after the start
//! cannot lose a server, and a process number that was given to another program fools nobody.

use super::process;
use crate::diag::code::provider::UNREADABLE;
use crate::lang::value::{Type, Value, from_json, to_json};
use crate::provider::local::disk;
use crate::provider::{ProviderError, Subject, Surroundings};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};

/// Version of `service.json`.
const FORMAT_VERSION: u32 = 1;
/// Bytes of `run.json` and `service.json` at most; a value of the language is no larger.
const JSON_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Lines of a log that an error quotes.
const QUOTED_LINES: usize = 20;
/// Bytes of a log that an error quotes at most.
const QUOTED_BYTES: u64 = 16 * 1024;
/// Characters of the service's name in the folder's name; the hash tells folders apart.
const NAME_CHARS: usize = 40;
/// What to do when the folder of the services cannot be used.
const MEND: &str =
    "make the project's folder writable for you, or work in a copy of it; `.mlo` is kept there";
/// Shorter secrets are not looked for in a log: they would be found everywhere.
const SECRET_BYTES_MIN: usize = 4;

/// The folder of one service; it need not exist.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    /// Names the service's processes: nobody else's instance begins so.
    key: String,
}

/// What a running server writes about itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RunFile {
    pub(super) pid: i32,
    pub(super) port: u16,
    pub(super) instance: String,
    pub(super) started_at: String,
    /// When the process started, in the kernel's ticks; nothing where there is no `/proc`.
    #[serde(default)]
    pub(super) start_ticks: Option<u64>,
}

/// What is kept of a service beside its process.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    format_version: u32,
    address: String,
    /// How many processes the service has had.
    generation: u64,
    object: serde_json::Value,
    /// What the service was made with; services of earlier versions do not say.
    #[serde(default)]
    token: Option<String>,
}

/// The ports that the services of a project have, also while they are being restarted.
#[derive(Debug, Default)]
pub(super) struct Ports {
    /// Of the service itself, or of a dead one at its address.
    pub(super) before: Option<u16>,
    /// Of services at other addresses.
    pub(super) others: BTreeSet<u16>,
}

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It serves.
    Service,
    /// It shows whether it would be ready, beside the one that serves.
    Trial,
}

/// Whether a service has a process.
#[derive(Debug)]
pub(super) enum Life {
    /// It has none.
    Gone,
    /// One runs, but has not said which.
    Nameless,
    /// One runs.
    Running(RunFile),
}

impl Folder {
    /// Where the service `name` of a subject is kept.
    pub(super) fn new(surroundings: &Surroundings, name: &str, subject: Subject<'_>) -> Self {
        let key = key_of(subject.token);
        let name: String = name
            .chars()
            .take(NAME_CHARS)
            .map(|letter| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' })
            .collect();
        Self { path: root(surroundings).join(format!("{name}-{key}")), key }
    }

    /// The folder of a subject, whatever its service is called.
    pub(super) fn find(
        surroundings: &Surroundings,
        subject: Subject<'_>,
    ) -> Result<Option<Self>, ProviderError> {
        let key = key_of(subject.token);
        let ending = format!("-{key}");
        let found = all(surroundings)?.into_iter().find(|path| name_of(path).ends_with(&ending));
        Ok(found.map(|path| Self { path, key }))
    }

    /// The folder of an identifier, and the token that its service was made with.
    pub(super) fn of_id(
        surroundings: &Surroundings,
        id: &str,
    ) -> Result<Option<(Self, String)>, ProviderError> {
        let Some(path) = all(surroundings)?.into_iter().find(|path| name_of(path) == id) else {
            return Ok(None);
        };
        let key = id.rsplit('-').next().unwrap_or_default().to_owned();
        let folder = Self { path, key };
        let token = folder.kept().and_then(|kept| kept.token).filter(|token| key_of(token) == folder.key);
        let Some(token) = token else {
            let summary = format!("the service {id:?} does not say who made it");
            return Err(ProviderError::permanent(summary).help("end it, and have a new one made"));
        };
        Ok(Some((folder, token)))
    }

    /// Removes what dead services of the same address left behind: their objects were found gone, not deleted.
    /// Tells the ports that the services of this project have.
    pub(super) fn sweep(
        &self,
        surroundings: &Surroundings,
        subject: Subject<'_>,
    ) -> Result<Ports, ProviderError> {
        let mut ports = Ports::default();
        for path in all(surroundings)? {
            let key = name_of(&path).rsplit('-').next().unwrap_or_default().to_owned();
            let other = Self { path, key };
            let Some(kept) = other.kept() else { continue };
            let port = kept.object.get("port").and_then(serde_json::Value::as_u64);
            let port = port.and_then(|port| u16::try_from(port).ok());
            if other.key == self.key {
                ports.before = port;
            } else if kept.address == subject.address.to_string() && other.is_lifeless() {
                other.remove()?;
                ports.before = ports.before.or(port);
            } else {
                ports.others.extend(port);
            }
        }
        Ok(ports)
    }

    fn is_lifeless(&self) -> bool {
        [Role::Service, Role::Trial].iter().all(|role| matches!(self.life(*role), Life::Gone))
    }

    /// The service's identifier on this machine.
    pub(super) fn id(&self) -> String {
        name_of(&self.path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn log(&self, role: Role) -> PathBuf {
        self.path.join(match role {
            Role::Service => "server.log",
            Role::Trial => "trial.log",
        })
    }

    pub(super) fn run_file(&self, role: Role) -> PathBuf {
        self.path.join(match role {
            Role::Service => "run.json",
            Role::Trial => "trial.json",
        })
    }

    /// Makes the folder, for its owner alone.
    pub(super) fn make(&self) -> Result<(), ProviderError> {
        disk::make_folder(&self.path, disk::PRIVATE_FOLDER).map_err(|error| self.unwritable(&error))
    }

    /// Keeps an object of resource type `ty` and gives the token of its next process.
    pub(super) fn keep(
        &self,
        subject: Subject<'_>,
        object: &Value,
        ty: &Type,
    ) -> Result<String, ProviderError> {
        let generation = self.kept().map_or(1, |kept| kept.generation.saturating_add(1));
        let object = to_json(object, ty).map_err(|error| ProviderError::permanent(error.to_string()))?;
        let address = subject.address.to_string();
        let token = Some(subject.token.to_owned());
        let kept = Kept { format_version: FORMAT_VERSION, address, generation, object, token };
        let bytes = serde_json::to_vec_pretty(&kept).map_err(io::Error::from);
        bytes
            .and_then(|bytes| {
                disk::write_whole(&self.path.join("service.json"), &bytes, disk::PRIVATE, &self.key)
            })
            .map_err(|error| self.unwritable(&error))?;
        Ok(format!("{}.{generation}", self.key))
    }

    /// The object that was kept; nothing if it is not there or not readable.
    pub(super) fn kept_object(&self, ty: &Type) -> Option<Value> {
        from_json(&self.kept()?.object, ty).ok()
    }

    /// The token of a process that is only a trial.
    pub(super) fn trial(&self) -> String {
        format!("{}.trial", self.key)
    }

    fn kept(&self) -> Option<Kept> {
        read_json::<Kept>(&self.path.join("service.json"))
            .filter(|kept| kept.format_version == FORMAT_VERSION)
    }

    /// What the server of a role says of itself, if it is one of ours.
    pub(super) fn run(&self, role: Role) -> Option<RunFile> {
        let ours =
            |run: &RunFile| run.instance.strip_prefix(&self.key).is_some_and(|rest| rest.starts_with('.'));
        read_json::<RunFile>(&self.run_file(role)).filter(ours)
    }

    /// Whether there is a process of a role. Says that there is none only if that is sure.
    pub(super) fn life(&self, role: Role) -> Life {
        let held = held(&self.log(role));
        let run = self.run(role);
        match (held, run.filter(|run| process::is_running(run.pid, run.start_ticks))) {
            (Some(false), _) | (None, None) => Life::Gone,
            (_, Some(run)) => Life::Running(run),
            (Some(true), None) => Life::Nameless,
        }
    }

    /// A new, empty, locked log. The one before is kept under another name.
    pub(super) fn open_log(&self, role: Role) -> Result<File, ProviderError> {
        let path = &self.log(role);
        let opened = match fs::rename(path, path.with_extension("log.1")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => disk::options(disk::PRIVATE).append(true).create_new(true).open(path),
        };
        let log = opened.map_err(|error| self.unwritable(&error))?;
        match log.try_lock() {
            // A file system without locks: life is judged by the process alone there.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(log),
            Err(TryLockError::WouldBlock) => Err(self.unwritable(&io::ErrorKind::ResourceBusy.into())),
        }
    }

    /// Removes the folder with all that is in it.
    pub(super) fn remove(&self) -> Result<(), ProviderError> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.unwritable(&error)),
            _ => Ok(()),
        }
    }

    pub(super) fn unwritable(&self, error: &io::Error) -> ProviderError {
        ProviderError::permanent(format!("cannot keep the service in {}", self.path.display()))
            .code(&UNREADABLE)
            .detail(error.to_string())
            .help(MEND)
    }
}

fn root(surroundings: &Surroundings) -> PathBuf {
    surroundings.home.join("services")
}

/// The folders of all services, in order of their names.
fn all(surroundings: &Surroundings) -> Result<Vec<PathBuf>, ProviderError> {
    let root = root(surroundings);
    let fail = |error: io::Error| {
        ProviderError::permanent(format!("cannot read {}", root.display()))
            .code(&UNREADABLE)
            .detail(error.to_string())
            .help(MEND)
    };
    let entries = match fs::read_dir(&root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(fail)?,
    };
    let folders = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut folders = folders.collect::<io::Result<Vec<_>>>().map_err(fail)?;
    folders.sort();
    Ok(folders)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// 64 bits of the token's hash: what a folder's name and a process's command line may show of it.
fn key_of(token: &str) -> String {
    HEXLOWER.encode(Sha256::digest(token.as_bytes()).get(..8).unwrap_or_default())
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    let mut text = String::new();
    disk::open_regular(path).ok()?.take(JSON_BYTES_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Whether a process holds the lock of a log; nothing if that cannot be told.
fn held(log: &Path) -> Option<bool> {
    // Shared, so that two that look do not see each other.
    match disk::open_regular(log).ok()?.try_lock_shared() {
        Ok(()) => Some(false),
        Err(TryLockError::WouldBlock) => Some(true),
        Err(TryLockError::Error(_)) => None,
    }
}

/// The last lines of a log, with `secrets` masked; empty if there are none.
pub(super) fn last_lines(log: &Path, secrets: &[String]) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = disk::open_regular(log)?;
        let left_out = file.metadata()?.len().saturating_sub(QUOTED_BYTES);
        file.seek(io::SeekFrom::Start(left_out))?;
        let mut bytes = Vec::new();
        file.take(QUOTED_BYTES).read_to_end(&mut bytes)?;
        if left_out > 0 {
            // The first line is cut, and a secret in it may be too: it would not be found.
            let begin = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
            bytes.drain(..begin);
        }
        Ok(bytes)
    };
    let mut text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    for secret in secrets.iter().filter(|secret| secret.len() >= SECRET_BYTES_MIN) {
        text = text.replace(secret.as_str(), "(sensitive value)");
    }
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(QUOTED_LINES)..).unwrap_or_default().join("\n")
}
