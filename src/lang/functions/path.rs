//! Functions of paths: text alone, nothing is looked up.

use super::string::string;
use super::{Call, CallError, Function, Param, failed, string_result, text};
use crate::lang::value::Value;

const PATH: &[Param] = &[Param::string("path")];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "abspath",
        PATH,
        "The path from the root of the file system, without `.` and `..`; it need not exist.",
        string_result,
        absolute,
    ),
    Function::new("basename", PATH, "The last part of a path.", string_result, |args, _| {
        let path = text(args, 0);
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or("");
        Ok(string(match (path, last) {
            ("", _) => ".",
            (_, "") => "/",
            _ => last,
        }))
    }),
    Function::new("dirname", PATH, "A path without its last part.", string_result, |args, _| {
        let folder = text(args, 0).rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        Ok(string(&clean(&folder)))
    }),
    Function::new(
        "pathexpand",
        PATH,
        "A path with the user's home folder for a `~` at its beginning.",
        string_result,
        |args, call| match expand(text(args, 0), call.outside.home().as_deref()) {
            Ok(path) => Ok(string(&path)),
            Err(problem) => Err(failed(problem)),
        },
    ),
];

fn absolute(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let path = text(args, 0);
    if path.starts_with('/') {
        return Ok(string(&clean(path)));
    }
    let here = call.outside.working_folder().ok_or_else(|| failed("the working folder is not known here"))?;
    Ok(string(&clean(&format!("{here}/{path}"))))
}

/// A path with a home folder for `~`.
///
/// # Errors
/// If it is the home folder of another user, or this one's is not known.
pub(super) fn expand(path: &str, home: Option<&str>) -> Result<String, &'static str> {
    let Some(rest) = path.strip_prefix('~') else { return Ok(path.to_owned()) };
    if !(rest.is_empty() || rest.starts_with('/')) {
        return Err("the home folders of other users are not known");
    }
    let home = home.ok_or("the home folder is not known here")?;
    Ok(clean(&format!("{home}{rest}")))
}

/// A path without `.`, `..` and doubled slashes as far as possible, as Go's `filepath.Clean` writes it.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(last) if *last != ".." => drop(parts.pop()),
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::eval::Meter;
    use crate::lang::scope::Outside;

    struct Home;

    impl Outside for Home {
        fn home(&self) -> Option<String> {
            Some("/home/ada".to_owned())
        }

        fn working_folder(&self) -> Option<String> {
            Some("/work".to_owned())
        }
    }

    /// The answers are Terraform's (1.11.4), the words of the errors ours.
    #[test]
    fn paths_are_taken_apart_as_text() {
        for (name, path, expected) in [
            ("basename", "", "."),
            ("basename", "/", "/"),
            ("basename", "//", "/"),
            ("basename", "a//b//", "b"),
            ("dirname", "", "."),
            ("dirname", "a", "."),
            ("dirname", "a//b//", "a/b"),
            ("dirname", "/a", "/"),
            ("dirname", "//a//b/../c", "/a"),
            ("dirname", "../x", ".."),
            ("abspath", "../x", "/x"),
            ("abspath", "a/./b/", "/work/a/b"),
            ("abspath", "/a/../b/", "/b"),
            ("abspath", "/../a", "/a"),
            ("pathexpand", "~", "/home/ada"),
            ("pathexpand", "~/a/../b", "/home/ada/b"),
            ("pathexpand", "a/../~", "a/../~"),
            ("pathexpand", "~bob/x", "the home folders of other users are not known"),
        ] {
            let function = super::super::find(name).unwrap();
            let answer = match function.call_in(vec![Value::from(path)], &Meter::default(), &Home) {
                Ok(value) => value.as_str().unwrap().to_owned(),
                Err(error) => error.to_string(),
            };
            assert_eq!(answer, expected, "{name} {path:?}");
        }
    }
}
