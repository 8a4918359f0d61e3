//! What a command says on its two streams.
//!
//! In: a command that is to be started. Out: the beginning of what it said on standard output, and the end of what it said on
//! standard error. Never: a command that changes something stopped by that nobody listens any more: its streams are files, so
//! that it outlives the run that began it; more of them on disk than a limit, while somebody waits for the command.

use super::{Run, parts};
use crate::provider::ProviderError;
use crate::provider::local::disk;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

/// Bytes of standard output that are kept; an id is shorter.
const OUT_BYTES_MAX: u64 = 64 * 1024;
/// Bytes at the end of standard error that are shown.
const ERR_BYTES_SHOWN: u64 = 2048;
/// Bytes of standard error on disk, beyond which only the end of them is kept.
const ERR_BYTES_MAX: u64 = 1024 * 1024;
/// Between two looks at how much there is on disk.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What a command has left to say once it has ended; what it started and left behind may hold its streams for ever.
const REST_TIME_MAX: Duration = Duration::from_millis(500);

/// The streams of one command.
pub(super) enum Output {
    /// Of one that only looks: it goes with who began it.
    Pipes,
    /// Of one that changes something.
    Files(Files),
}

/// Two files of a command, gone when nobody waits for it any more.
pub(super) struct Files {
    out: Kept,
    err: Kept,
    /// The end of what was taken off the second.
    taken: Vec<u8>,
}

/// A file that its owner alone may read, and that a command adds to.
struct Kept {
    file: File,
    path: PathBuf,
}

/// What a command said, as far as it is kept.
#[derive(Default)]
pub(super) struct Heard {
    /// The beginning of what it said on standard output.
    pub(super) out: Vec<u8>,
    /// The end of what it said on standard error.
    pub(super) err: Vec<u8>,
}

impl Output {
    /// The streams of a command of `run`; those of one that changes something are kept on disk.
    pub(super) fn of(run: &Run<'_>, name: &str, changes: bool) -> Result<Self, ProviderError> {
        if !changes {
            return Ok(Self::Pipes);
        }
        let open = |ending| Kept::new(run.kept(ending));
        let files = open("out").and_then(|out| Ok(Files { out, err: open("err")?, taken: Vec::new() }));
        files.map(Self::Files).map_err(|error| {
            let program = parts(run.object, name).first().copied().unwrap_or_default().to_owned();
            let summary = format!("`{name}`: {program} cannot be started: there is no place for its output");
            ProviderError::permanent(summary).detail(error.to_string())
        })
    }

    /// Gives a command its streams.
    pub(super) fn give(&self, command: &mut Command) -> io::Result<()> {
        let (out, err) = match self {
            Self::Pipes => (Stdio::piped(), Stdio::piped()),
            Self::Files(files) => (files.out.file.try_clone()?.into(), files.err.file.try_clone()?.into()),
        };
        command.stdout(out).stderr(err);
        Ok(())
    }

    /// Waits for a command to end, and hears it as far as it must be heard meanwhile.
    pub(super) async fn wait(&mut self, child: &mut Child, heard: &mut Heard) -> io::Result<ExitStatus> {
        match self {
            Self::Pipes => hear(child, heard).await,
            Self::Files(files) => files.wait(child).await,
        }
    }

    /// Hears the rest of a command that has ended.
    pub(super) fn hear_rest(&mut self, heard: &mut Heard) -> io::Result<()> {
        match self {
            Self::Pipes => Ok(()),
            Self::Files(files) => files.hear(heard),
        }
    }
}

/// Removes what a command of an earlier run left on disk.
pub(super) fn forget(run: &Run<'_>) {
    for ending in ["out", "err"] {
        // What stays is replaced by the next command for the object.
        let _ = std::fs::remove_file(run.kept(ending));
    }
}

impl Kept {
    fn new(path: PathBuf) -> io::Result<Self> {
        disk::make_folder(&disk::folder_of(&path), disk::PRIVATE_FOLDER)?;
        remove(&path)?;
        // Added to, so that it can be cut while it is written to.
        let file = disk::options(disk::PRIVATE).read(true).append(true).create_new(true).open(&path)?;
        Ok(Self { file, path })
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&mut self, from: u64, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(from))?;
        self.file.by_ref().take(bytes_max).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The last bytes.
    fn end(&mut self) -> io::Result<Vec<u8>> {
        let from = self.length()?.saturating_sub(ERR_BYTES_SHOWN);
        self.read(from, ERR_BYTES_SHOWN)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Files {
    async fn wait(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        loop {
            tokio::select! {
                status = child.wait() => return status,
                // What cannot be cut now may be the next time.
                () = tokio::time::sleep(LOOK_EVERY) => drop(self.cut()),
            }
        }
    }

    /// Takes off what nobody will look at.
    fn cut(&mut self) -> io::Result<()> {
        if self.out.length()? > OUT_BYTES_MAX {
            self.out.file.set_len(OUT_BYTES_MAX)?;
        }
        if self.err.length()? > ERR_BYTES_MAX {
            self.taken = self.err.end()?;
            self.err.file.set_len(0)?;
        }
        Ok(())
    }

    fn hear(&mut self, heard: &mut Heard) -> io::Result<()> {
        heard.out = self.out.read(0, OUT_BYTES_MAX)?;
        heard.err = std::mem::take(&mut self.taken);
        heard.err.extend(self.err.end()?);
        last(&mut heard.err);
        Ok(())
    }
}

async fn hear(child: &mut Child, heard: &mut Heard) -> io::Result<ExitStatus> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let Heard { out, err } = heard;
    let reads = async { tokio::join!(keep_first(stdout, out), keep_last(stderr, err)) };
    tokio::pin!(reads);
    tokio::select! {
        status = child.wait() => {
            let _ = tokio::time::timeout(REST_TIME_MAX, &mut reads).await;
            status
        }
        _ = &mut reads => child.wait().await,
    }
}

/// Reads to the end and keeps the beginning.
async fn keep_first(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    each(stream, |bytes| {
        let room = bounded(OUT_BYTES_MAX).saturating_sub(kept.len());
        kept.extend(bytes.iter().take(room));
    })
    .await;
}

/// Reads to the end and keeps the end.
async fn keep_last(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    each(stream, |bytes| {
        kept.extend(bytes);
        last(kept);
    })
    .await;
}

/// The last bytes of some, as many as are shown.
fn last(bytes: &mut Vec<u8>) {
    let over = bytes.len().saturating_sub(bounded(ERR_BYTES_SHOWN));
    bytes.drain(..over);
}

fn bounded(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

async fn each(stream: Option<impl AsyncRead + Unpin>, mut look: impl FnMut(&[u8])) {
    let Some(mut stream) = stream else { return };
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        look(buffer.get(..length).unwrap_or_default());
    }
}
