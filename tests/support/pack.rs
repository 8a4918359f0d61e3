//! Archives, honest and other, and repositories.

use sha2::{Digest as _, Sha256};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// One entry of a tar file, as it is, whatever it says.
pub(crate) struct Entry<'e> {
    pub(crate) name: &'e str,
    pub(crate) kind: tar::EntryType,
    pub(crate) target: &'e str,
    pub(crate) bytes: &'e [u8],
}

pub(crate) fn file<'e>(name: &'e str, text: &'e str) -> Entry<'e> {
    Entry { name, kind: tar::EntryType::Regular, target: "", bytes: text.as_bytes() }
}

pub(crate) fn special<'e>(name: &'e str, kind: tar::EntryType, target: &'e str) -> Entry<'e> {
    Entry { name, kind, target, bytes: b"" }
}

pub(crate) fn tar_gz(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut tar = Vec::new();
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        // Names as they are: the builder refuses those that lead out.
        let fields = header.as_gnu_mut().unwrap();
        fields.name[..entry.name.len()].copy_from_slice(entry.name.as_bytes());
        fields.linkname[..entry.target.len()].copy_from_slice(entry.target.as_bytes());
        header.set_entry_type(entry.kind);
        header.set_size(entry.bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(entry.bytes);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    gz(&tar)
}

pub(crate) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A ZIP file of stored entries: name, Unix mode, content.
pub(crate) fn zip(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, mode, content) in entries {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let size = u32::try_from(content.len()).unwrap();
        let length = u16::try_from(name.len()).unwrap();
        let common: Vec<u8> = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &crc.sum().to_le_bytes(),
            &size.to_le_bytes(),
            &size.to_le_bytes(),
            &length.to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        let offset = u32::try_from(bytes.len()).unwrap();
        bytes.extend_from_slice(&[b"PK\x03\x04", common.as_slice(), name.as_bytes(), content].concat());
        let mode = (mode << 16).to_le_bytes();
        let rest: Vec<u8> = [&[0; 6][..], &mode, &offset.to_le_bytes(), name.as_bytes()].concat();
        directory.extend_from_slice(&[b"PK\x01\x02\x14\x03", common.as_slice(), &rest].concat());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let offset = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    [&bytes, &directory, b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count, &size, &offset, &[0, 0]].concat()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Runs `git` in a folder and gives what it prints.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args([
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@localhost",
        "-c",
        "init.defaultBranch=main",
    ]);
    command.args(arguments).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Writes files into a repository, commits them, and gives the commit.
pub(crate) fn commit(folder: &Path, files: &[(&str, &str)]) -> String {
    std::fs::create_dir_all(folder).unwrap();
    if !folder.join(".git").exists() {
        git(folder, &["init", "--quiet"]);
    }
    for (name, text) in files {
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::File::create(file).unwrap().write_all(text.as_bytes()).unwrap();
    }
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", "files"]);
    git(folder, &["rev-parse", "HEAD"])
}
