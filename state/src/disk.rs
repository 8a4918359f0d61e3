//! A folder on disk, and the steps that make a change in it durable.
//!
//! In: names of files in one folder that stays open, so that nobody can swap it. Out: bytes; files that are whole or
//! absent. Never: a link followed, a device or a pipe opened, a file that others can read.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::StoreError;
use system::Handle;

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
use other as system;
#[cfg(unix)]
use unix as system;

pub(crate) use system::{Identity, identity};

/// Entries of a folder: an apply adds one to the documents, and all others have fewer than 30.
const ENTRIES_MAX: usize = 1_000_000;

/// How a file is opened. Never through a link, and never waiting for the other end of a pipe.
#[derive(Clone, Copy, Debug)]
enum Access {
    /// To be read.
    Read,
    /// To be read and written.
    Write,
    /// The same, made if it is not there.
    WriteOrCreate,
    /// The same; it must not be there.
    CreateNew,
}

/// One step of a change on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A file is made.
    Create,
    /// Bytes are written to a file.
    Write,
    /// A file's bytes are made durable.
    Sync,
    /// A file gets a second name.
    Link,
    /// A file gets another name, replacing what had it.
    Rename,
    /// A file is cut.
    Truncate,
    /// A file is removed.
    Remove,
    /// A folder's names are made durable.
    SyncFolder,
}

/// Is told of each step before it is taken, with the file's name from the store's folder on, and can refuse it. A test's way to count steps and
/// to make them fail; a store without one takes every step.
pub type Probe = Arc<dyn Fn(Step, &str) -> io::Result<()> + Send + Sync>;

/// A folder that is open.
pub(crate) struct Folder {
    path: PathBuf,
    handle: Handle,
    probe: Option<Probe>,
    /// Where it is in the store's folder: nothing, or `history/`.
    within: String,
}

impl Folder {
    /// The folder at `path`; `None` if there is none.
    pub(crate) fn open(path: &Path, probe: Option<Probe>) -> Result<Option<Self>, StoreError> {
        match Handle::open(path) {
            Ok(handle) => Ok(Some(Self { path: path.to_owned(), handle, probe, within: String::new() })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failure("opened", path.to_owned(), error)),
        }
    }

    /// The folder at `path`, made durably with all above it if there is none.
    pub(crate) fn open_or_create(path: &Path, probe: Option<Probe>) -> Result<Self, StoreError> {
        let present =
            path.ancestors().find(|folder| folder.is_dir()).map_or(0, |folder| folder.components().count());
        system::make_folders(path).map_err(|error| failure("created", path.to_owned(), error))?;
        let missing = path.components().count().saturating_sub(present);
        for parent in path.ancestors().skip(1).take(missing) {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            if let Some(parent) = Self::open(parent, probe.clone())? {
                parent.sync()?;
            }
        }
        Self::open(path, probe)?.ok_or_else(|| failure("opened", path.to_owned(), ErrorKind::NotFound.into()))
    }

    /// The folder `name` in this one; `None` if there is none.
    pub(crate) fn folder(&self, name: &str) -> Result<Option<Self>, StoreError> {
        match self.handle.folder(name) {
            Ok(handle) => {
                let within = format!("{}{name}/", self.within);
                Ok(Some(Self { path: self.place(name), handle, probe: self.probe.clone(), within }))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failure("opened", name, error)),
        }
    }

    /// The folder `name` in this one, made durably if there is none.
    pub(crate) fn folder_or_create(&self, name: &str) -> Result<Self, StoreError> {
        if let Some(folder) = self.folder(name)? {
            return Ok(folder);
        }
        self.step(Step::Create, "created", name)?;
        match self.handle.make_folder(name) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(self.failure("created", name, error));
            }
            _ => self.sync()?,
        }
        self.folder(name)?.ok_or_else(|| self.failure("opened", name, ErrorKind::NotFound.into()))
    }

    /// Where `name` is, for messages.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The bytes of the file `name`; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Limit`] if it is larger than `bytes_max`; [`StoreError::Denied`] if it is a link, or no file.
    pub(crate) fn read(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(file) = self.open_file(name, Access::Read)? else { return Ok(None) };
        let too_large =
            |found| StoreError::Limit { what: "a state file's size in bytes", found, limit: bytes_max };
        let failed = |error| failure("read", self.place(name), error);
        let length = file.metadata().map_err(failed)?.len();
        if length > bytes_max {
            return Err(too_large(length));
        }
        // A file that grows meanwhile is read no further than one byte too far.
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        let found = file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(failed)? as u64;
        if found > bytes_max { Err(too_large(found)) } else { Ok(Some(bytes)) }
    }

    /// The file `name`, to be read; `None` if there is none.
    pub(crate) fn open_to_read(&self, name: &str) -> Result<Option<File>, StoreError> {
        self.open_file(name, Access::Read)
    }

    /// The file `name`, to be read and written; `None` if there is none.
    pub(crate) fn open_to_write(&self, name: &str) -> Result<Option<File>, StoreError> {
        self.open_file(name, Access::Write)
    }

    /// The file `name`, made empty if there is none.
    pub(crate) fn open_or_create_file(&self, name: &str) -> Result<File, StoreError> {
        let file = self.open_file(name, Access::WriteOrCreate)?;
        file.ok_or_else(|| self.failure("opened", name, ErrorKind::NotFound.into()))
    }

    fn open_file(&self, name: &str, access: Access) -> Result<Option<File>, StoreError> {
        let file = match self.handle.file(name, access) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failure("opened", name, error)),
        };
        let metadata = file.metadata().map_err(|error| self.failure("opened", name, error))?;
        if !metadata.is_file() {
            let source = io::Error::other("it is not a plain file");
            return Err(StoreError::Denied { doing: "opened", place: self.place(name), source });
        }
        Ok(Some(file))
    }

    /// Makes the new file `name`, in the place of any that a crash left, fills it and makes its bytes durable. Its
    /// name is not durable yet. A file that cannot be filled is removed.
    pub(crate) fn create(
        &self,
        name: &str,
        put_all: impl FnOnce(&mut Output<'_>) -> Result<(), StoreError>,
    ) -> Result<File, StoreError> {
        self.remove(name)?;
        self.step(Step::Create, "created", name)?;
        let new = self.handle.file(name, Access::CreateNew);
        let mut file = new.map_err(|error| self.failure("created", name, error))?;
        let mut output = self.output(name, &mut file);
        let filled = put_all(&mut output).and_then(|()| output.sync());
        // The first failure is what the user must know; a file that is left is replaced next time.
        filled.inspect_err(|_| drop(self.remove(name)))?;
        Ok(file)
    }

    /// An open file, with its name for messages.
    pub(crate) fn output<'a>(&'a self, name: &'a str, file: &'a mut File) -> Output<'a> {
        Output { folder: self, name, file }
    }

    /// Gives the file `from` the name `to`, in the place of any that has it.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.step(Step::Rename, "replaced", to)?;
        self.handle.rename(from, to).map_err(|error| self.failure("replaced", to, error))
    }

    /// Gives the file `name` a second name in another folder, in the place of any that has it there. `false` if the
    /// file system has no second names.
    pub(crate) fn link(&self, name: &str, folder: &Self, to: &str) -> Result<bool, StoreError> {
        folder.remove(to)?;
        let allowed = folder.may(Step::Link, to);
        match allowed.and_then(|()| self.handle.link(name, &folder.handle, to)) {
            Ok(()) => Ok(true),
            Err(error) if system::is_linkless(&error) => Ok(false),
            Err(error) => Err(failure("created", folder.place(to), error)),
        }
    }

    /// Gives the file `from` the name `to`, unless another has it: then `from` is gone, and this is `false`.
    pub(crate) fn publish(&self, from: &str, to: &str) -> Result<bool, StoreError> {
        self.step(Step::Link, "created", to)?;
        let published = match self.handle.link(from, &self.handle, to) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            Err(error) if system::is_linkless(&error) => return self.rename(from, to).map(|()| true),
            Err(error) => return Err(self.failure("created", to, error)),
        };
        self.remove(from)?;
        Ok(published)
    }

    /// Removes the file `name`, if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        if self.identity(name)?.is_none() {
            return Ok(());
        }
        self.step(Step::Remove, "removed", name)?;
        match self.handle.remove(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.failure("removed", name, error)),
            _ => Ok(()),
        }
    }

    /// Makes the names in this folder durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.step(Step::SyncFolder, "synced", "")?;
        self.handle.sync().map_err(|error| self.failure("synced", "", error))
    }

    /// Which file has the name, links not followed; `None` if none has.
    pub(crate) fn identity(&self, name: &str) -> Result<Option<Identity>, StoreError> {
        match self.handle.identity(name) {
            Ok(identity) => Ok(Some(identity)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failure("opened", name, error)),
        }
    }

    /// The names in this folder that are text, in no order.
    ///
    /// # Errors
    /// [`StoreError::Limit`] if there are more than [`ENTRIES_MAX`].
    pub(crate) fn names(&self) -> Result<Vec<String>, StoreError> {
        let names = self.handle.names(ENTRIES_MAX + 1).map_err(|error| self.failure("listed", "", error))?;
        if names.len() > ENTRIES_MAX {
            let (found, limit) = (names.len() as u64, ENTRIES_MAX as u64);
            return Err(StoreError::Limit {
                what: "the number of files in a folder of the state",
                found,
                limit,
            });
        }
        Ok(names)
    }

    fn step(&self, step: Step, doing: &'static str, name: &str) -> Result<(), StoreError> {
        self.may(step, name).map_err(|error| failure(doing, self.place(name), error))
    }

    /// Asks the probe, if there is one.
    fn may(&self, step: Step, name: &str) -> io::Result<()> {
        self.probe.as_ref().map_or(Ok(()), |probe| probe(step, &format!("{}{name}", self.within)))
    }

    fn failure(&self, doing: &'static str, name: &str, error: io::Error) -> StoreError {
        failure(doing, self.place(name), error)
    }
}

/// A file that is being written.
pub(crate) struct Output<'a> {
    folder: &'a Folder,
    name: &'a str,
    file: &'a mut File,
}

impl Output<'_> {
    /// Makes the bytes durable, with the length.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.folder.step(Step::Sync, "synced", self.name)?;
        self.file.sync_data().map_err(|error| self.failure("synced", error))
    }

    /// Goes to the end of the file, where the next bytes are put. Returns the file's length in bytes.
    pub(crate) fn end(&mut self) -> Result<u64, StoreError> {
        self.file.seek(SeekFrom::End(0)).map_err(|error| self.failure("read", error))
    }

    /// Cuts the file to its first bytes.
    pub(crate) fn truncate(&self, bytes: u64) -> Result<(), StoreError> {
        self.folder.step(Step::Truncate, "cut", self.name)?;
        self.file.set_len(bytes).map_err(|error| self.failure("cut", error))
    }

    /// Writes all bytes where the last ones ended.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.write_all(bytes).map_err(|error| self.failure("written", error))
    }

    /// A failure of this file.
    pub(crate) fn failure(&self, doing: &'static str, error: io::Error) -> StoreError {
        failure(doing, self.folder.place(self.name), error)
    }
}

impl Write for Output<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.folder.may(Step::Write, self.name)?;
        self.file.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A failure by what the user must do: get a permission, or mend the disk.
fn failure(doing: &'static str, place: PathBuf, source: io::Error) -> StoreError {
    if system::is_link(&source) {
        let source = io::Error::other("it is a symbolic link, and state is not followed through one");
        return StoreError::Denied { doing, place, source };
    }
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::Denied { doing, place, source }
        }
        _ => StoreError::Io { doing, place, source },
    }
}
