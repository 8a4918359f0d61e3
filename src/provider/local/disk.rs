//! Files and folders written so that a crash leaves the old or the new, never half of one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Permissions of what only its owner may see.
pub(super) const PRIVATE: u32 = 0o600;
/// Permissions of a folder that only its owner may enter.
pub(super) const PRIVATE_FOLDER: u32 = 0o700;

/// Writes a file whole: a temporary file beside it, synced, renamed over it, and the folder synced. `mark` tells the
/// temporary file from those of others; one that an earlier attempt left behind is overwritten.
pub(super) fn write_whole(path: &Path, bytes: &[u8], mode: u32, mark: &str) -> io::Result<()> {
    let folder = folder_of(path);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{mark}.tmp"));
    let temporary = folder.join(temporary);
    let written = write_new(&temporary, bytes, mode).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // What cannot be removed is overwritten by the next attempt.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_folder(&folder)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = options(PRIVATE).write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    set_mode(&file, mode)?;
    file.sync_all()
}

/// How to open a file that is created with `mode`, where files have modes.
#[cfg(unix)]
pub(super) fn options(mode: u32) -> OpenOptions {
    let mut options = File::options();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    options
}

/// How to open a file that is created; it has the permissions of its folder.
#[cfg(not(unix))]
pub(super) fn options(_mode: u32) -> OpenOptions {
    File::options()
}

/// Sets the mode whatever the umask says.
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    #[cfg(not(unix))]
    let _ = (file, mode);
    Ok(())
}

/// The mode of a file; where there is none, nothing.
#[cfg_attr(unix, expect(clippy::unnecessary_wraps, reason = "elsewhere files have no mode"))]
pub(super) fn mode_of(metadata: &fs::Metadata) -> Option<u32> {
    #[cfg(unix)]
    return Some(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777);
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

/// Makes a folder and those above it that are missing.
pub(super) fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
    #[cfg(not(unix))]
    let _ = mode;
    builder.create(path)
}

/// The folder that a path is in.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Makes a rename or removal in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Opens a plain file to read it: no link is followed, and for a pipe nobody waits.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags);
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a plain file")) }
}
