//! A folder as its path, where there are no descriptors of folders. A change of the path meanwhile is not noticed, the
//! names of a folder cannot be made durable by themselves, and files have the permissions of their folder.

use super::Access;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Which file it is: when it was made is the nearest to an identity that there is.
pub(crate) struct Identity(fs::Metadata);

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.0.created().ok() == other.0.created().ok()
    }
}

/// A folder.
pub(super) struct Handle(PathBuf);

impl Handle {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            Ok(Self(path.to_owned()))
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    pub(super) fn folder(&self, name: &str) -> io::Result<Self> {
        self.refuse_link(name)?;
        Self::open(&self.0.join(name))
    }

    pub(super) fn make_folder(&self, name: &str) -> io::Result<()> {
        fs::create_dir(self.0.join(name))
    }

    pub(super) fn file(&self, name: &str, access: Access) -> io::Result<File> {
        self.refuse_link(name)?;
        let mut options = File::options();
        options.read(true);
        match access {
            Access::Read => &mut options,
            Access::Write => options.write(true),
            Access::WriteOrCreate => options.write(true).create(true),
            Access::CreateNew => options.write(true).create_new(true),
        };
        options.open(self.0.join(name))
    }

    fn refuse_link(&self, name: &str) -> io::Result<()> {
        match fs::symlink_metadata(self.0.join(name)) {
            Ok(metadata) if metadata.is_symlink() => {
                let what = "it is a symbolic link, and state is not followed through one";
                Err(io::Error::new(io::ErrorKind::PermissionDenied, what))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    pub(super) fn link(&self, name: &str, folder: &Self, to: &str) -> io::Result<()> {
        fs::hard_link(self.0.join(name), folder.0.join(to))
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the twin of a call that can fail")]
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn identity(&self, name: &str) -> io::Result<Identity> {
        Ok(Identity(fs::symlink_metadata(self.0.join(name))?))
    }

    pub(super) fn names(&self, entries_max: usize) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)?.take(entries_max) {
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }
}

/// Which file is open.
pub(crate) fn identity(file: &File) -> io::Result<Identity> {
    Ok(Identity(file.metadata()?))
}

/// Makes a folder and those above it that are missing.
pub(super) fn make_folders(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Whether a link could not be made because the file system has none.
pub(super) fn is_linkless(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied | io::ErrorKind::CrossesDevices
    )
}

/// Whether something was not opened because it is a symbolic link.
pub(super) fn is_link(_: &io::Error) -> bool {
    false
}
