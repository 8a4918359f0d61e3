//! What the system says no with, in words.

use std::io;

/// Why a file or folder could not be used, in words and without the system's numbers.
pub fn because(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission is denied".to_owned(),
        io::ErrorKind::NotADirectory => "a part of the path is a file, not a folder".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => {
            let text = error.to_string();
            text.split_once(" (os error").map_or(text.clone(), |(words, _)| words.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::because;
    use std::io;

    #[test]
    fn the_numbers_of_the_system_are_left_out() {
        for (error, words) in [
            (io::Error::from(io::ErrorKind::NotFound), "there is no such file or folder"),
            (io::Error::from_raw_os_error(2), "there is no such file or folder"),
            (io::Error::other("something else"), "something else"),
        ] {
            assert_eq!(because(&error), words);
        }
        let unusual = because(&io::Error::from_raw_os_error(71));
        assert!(!unusual.is_empty() && !unusual.contains("os error"), "{unusual}");
    }
}
