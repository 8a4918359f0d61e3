//! The files of a project: the one file of `lang` with IO.
//!
//! Goes in: a folder, and paths relative to it. Comes out: names and bytes. Never happens: reading anything but regular
//! files inside the folder (no links out of it, no pipes, no devices), or more bytes than asked for.

use crate::lang::scope::PathKind;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Entries of one folder that are looked at; a folder of a configuration has a few dozen.
const ENTRIES_MAX: usize = 10_000;

/// A folder that everything is read from.
#[derive(Debug)]
pub struct Project {
    /// The folder, without links.
    root: PathBuf,
    #[cfg(target_os = "linux")]
    folder: rustix::fd::OwnedFd,
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is nothing of that name.
    #[error("it does not exist")]
    NotFound,
    /// It lies outside the project, or a link leads out of it.
    #[error("it lies outside the project")]
    Outside,
    /// A folder, pipe, device or socket where a file is wanted.
    #[error("it is not a regular file")]
    NotAFile,
    /// Something else where a folder is wanted.
    #[error("it is not a folder")]
    NotAFolder,
    /// More bytes than are read.
    #[error("it has more than {}", size(*.bytes_max))]
    TooLarge {
        /// What is read at most.
        bytes_max: usize,
    },
    /// More entries than are looked at.
    #[error("it has more than {ENTRIES_MAX} entries")]
    TooMany,
    /// The system says no.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// A limit in the unit that it was set in.
fn size(bytes: usize) -> String {
    const MEBIBYTE: usize = 1 << 20;
    if bytes >= MEBIBYTE && bytes.is_multiple_of(MEBIBYTE) {
        return format!("{} MiB", bytes / MEBIBYTE);
    }
    format!("{bytes} bytes")
}

impl Project {
    /// The project in a folder.
    pub fn open(root: &Path) -> Result<Self, FetchError> {
        let root = root.canonicalize().map_err(not_found)?;
        if !root.is_dir() {
            return Err(FetchError::NotAFolder);
        }
        Ok(Self {
            #[cfg(target_os = "linux")]
            folder: File::open(&root)?.into(),
            root,
        })
    }

    /// Names of what is in a folder of the project, in order. Names that are not UTF-8 are left out.
    pub fn list(&self, folder: &Path) -> Result<Vec<String>, FetchError> {
        let mut names = Vec::new();
        // The names alone may be looked up by path; what is read is opened safely.
        for entry in std::fs::read_dir(self.inside(folder)?).map_err(not_found)? {
            if names.len() >= ENTRIES_MAX {
                return Err(FetchError::TooMany);
            }
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What there is at a path of the project.
    pub fn kind(&self, path: &Path) -> Result<PathKind, FetchError> {
        // The kind alone may be looked up by path; what is read is opened safely.
        match self.inside(path).and_then(|path| Ok(path.symlink_metadata()?)) {
            Ok(found) if found.is_file() => Ok(PathKind::File),
            Ok(found) if found.is_dir() => Ok(PathKind::Folder),
            Ok(_) => Ok(PathKind::Other),
            Err(FetchError::NotFound | FetchError::NotAFolder) => Ok(PathKind::Nothing),
            Err(error) => Err(error),
        }
    }

    /// All bytes of a file of the project.
    pub fn read(&self, file: &Path, bytes_max: usize) -> Result<Vec<u8>, FetchError> {
        let opened = self.open_beneath(file)?;
        if !opened.metadata()?.is_file() {
            return Err(FetchError::NotAFile);
        }
        let mut bytes = Vec::new();
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        opened.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() > bytes_max { Err(FetchError::TooLarge { bytes_max }) } else { Ok(bytes) }
    }

    /// A path of the project without links; it is inside.
    fn inside(&self, path: &Path) -> Result<PathBuf, FetchError> {
        let path = self.root.join(path).canonicalize().map_err(not_found)?;
        if path.starts_with(&self.root) { Ok(path) } else { Err(FetchError::Outside) }
    }

    /// Opens without waiting for a pipe's other end, and lets the kernel refuse every way out of the project.
    #[cfg(target_os = "linux")]
    fn open_beneath(&self, file: &Path) -> Result<File, FetchError> {
        use rustix::fs::{Mode, OFlags, ResolveFlags};
        use rustix::io::Errno;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.folder, file, flags, Mode::empty(), resolve) {
            Ok(opened) => Ok(opened.into()),
            Err(Errno::XDEV | Errno::LOOP) => Err(FetchError::Outside),
            // A socket cannot be opened.
            Err(Errno::NXIO) => Err(FetchError::NotAFile),
            Err(Errno::NOSYS | Errno::AGAIN) => self.open_checked(file),
            Err(error) => Err(not_found(error.into())),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_beneath(&self, file: &Path) -> Result<File, FetchError> {
        self.open_checked(file)
    }

    /// Where the kernel cannot do it: looks first, then opens.
    fn open_checked(&self, file: &Path) -> Result<File, FetchError> {
        let path = self.inside(file)?;
        if !path.symlink_metadata()?.is_file() {
            return Err(FetchError::NotAFile);
        }
        File::open(path).map_err(not_found)
    }
}

fn not_found(error: std::io::Error) -> FetchError {
    match error.kind() {
        std::io::ErrorKind::NotFound => FetchError::NotFound,
        std::io::ErrorKind::NotADirectory => FetchError::NotAFolder,
        _ => FetchError::Io(error),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn read(project: &Project, name: &str) -> String {
        match project.read(Path::new(name), 10) {
            Ok(bytes) => String::from_utf8(bytes).unwrap(),
            Err(error) => error.to_string(),
        }
    }

    fn write(path: &Path, text: &str) {
        std::io::Write::write_all(&mut File::create(path).unwrap(), text.as_bytes()).unwrap();
    }

    #[test]
    fn only_regular_files_inside_the_project_are_read() {
        let scratch = tempfile::tempdir().unwrap();
        write(&scratch.path().join("secret"), "secret");
        let root = scratch.path().join("project");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        write(&root.join("a"), "text");
        write(&root.join("sub/b"), "inner");
        write(&root.join("full"), "0123456789");
        write(&root.join("long"), "0123456789+");
        symlink("sub/b", root.join("link")).unwrap();
        symlink("../secret", root.join("way-out")).unwrap();
        symlink("/etc/passwd", root.join("absolute")).unwrap();
        symlink("..", root.join("sub/up")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        symlink("../..", root.join("sub/out")).unwrap();
        let pipe = rustix::fs::CWD;
        rustix::fs::mknodat(pipe, root.join("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();

        let project = Project::open(&root).unwrap();
        for (name, expected) in [
            ("a", "text"),
            ("sub/b", "inner"),
            ("./sub/../a", "text"),
            ("link", "inner"),
            ("sub/up/a", "text"),
            ("full", "0123456789"),
            ("long", "it has more than 10 bytes"),
            ("none", "it does not exist"),
            ("a/b", "it is not a folder"),
            ("sub", "it is not a regular file"),
            ("pipe", "it is not a regular file"),
            ("socket", "it is not a regular file"),
            ("way-out", "it lies outside the project"),
            ("absolute", "it lies outside the project"),
            ("loop", "it lies outside the project"),
            ("../secret", "it lies outside the project"),
            ("sub/out/secret", "it lies outside the project"),
            ("/etc/passwd", "it lies outside the project"),
            ("/dev/zero", "it lies outside the project"),
        ] {
            assert_eq!(read(&project, name), expected, "{name}");
        }
        assert_eq!(project.list(Path::new("sub")).unwrap(), ["b", "out", "up"]);
        assert!(matches!(project.list(Path::new("sub/out")), Err(FetchError::Outside)));
        assert!(matches!(project.list(Path::new("a")), Err(FetchError::NotAFolder)));
        assert!(matches!(Project::open(&root.join("a")), Err(FetchError::NotAFolder)));
    }
}
