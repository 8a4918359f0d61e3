//! Files to a `.tar.gz` that is the same wherever and whenever it is made.

use flate2::{Compression, GzBuilder};
use std::collections::BTreeMap;
use std::io::{self, Write as _};

/// What is said of every file.
const MODE: u32 = 0o644;

/// The archive: files in order of their names, without times and owners.
pub(in crate::fetch) fn packed(files: &BTreeMap<String, Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(MODE);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        builder.append_data(&mut header, name, bytes.as_slice())?;
    }
    let mut gz = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    gz.write_all(&builder.into_inner()?)?;
    gz.finish()
}
