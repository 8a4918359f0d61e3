//! Each file of `cases/` with the messages that it gives.

use super::{expect_file, repository, shown};
use crate::diag::SourceMap;
use crate::manifest::load;

#[test]
fn each_bad_manifest_gives_the_messages_beside_it() {
    let folder = repository().join("src/manifest/cases");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().into_string().unwrap().strip_suffix(".yaml").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert!(names.len() > 20, "the cases are there");
    for name in names {
        let mut sources = SourceMap::new();
        let file = format!("{name}.yaml");
        let errors = load(&folder.join(&file), &file, &mut sources).expect_err(&name);
        expect_file(&folder.join(format!("{name}.txt")), &shown(&errors, &sources));
    }
}

#[test]
fn a_manifest_with_very_many_errors_says_that_there_are_more() {
    let lines: Vec<_> = (0..40_000).map(|at| format!("  field_{at}: 1\n")).collect();
    let (found, _) = super::read(&super::with(&lines.concat()));
    let errors = found.expect_err("all are unknown");
    let told =
        errors.iter().filter(|error| error.summary == "this manifest has more errors than are shown").count();
    assert_eq!((errors.len(), told), (51, 1));
}
