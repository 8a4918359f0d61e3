//! Each file of `cases/` with the messages that it gives.

use super::{expect_file, repository, shown};
use crate::diag::SourceMap;
use crate::manifest::load;

#[test]
fn each_bad_manifest_gives_the_messages_beside_it() {
    let folder = repository().join("src/manifest/cases");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    assert!(names.len() > 20, "the cases are there");
    for name in names {
        let mut sources = SourceMap::new();
        let errors = load(&folder.join(&name), &name, &mut sources).expect_err(&name);
        expect_file(&folder.join(name.replace(".yaml", ".txt")), &shown(&errors, &sources));
    }
}
