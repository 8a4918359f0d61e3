//! `mlo fmt`

use crate::cli::args::{Fmt, Global};
use crate::cli::exit::Exit;
use crate::cli::file::replace;
use crate::cli::screen::Screen;
use crate::diag::{Diagnostic, Diagnostics, SourceMap, Span, code};
use crate::lang::fetch::Project;
use crate::lang::format::format;
use crate::lang::syntax::{SOURCE_BYTES_MAX, decode};
use similar::TextDiff;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Ends of the names of files that are formatted.
const ENDINGS: [&str; 3] = [".hcl", ".tf", ".tfvars"];
/// Folders inside one another that are looked into: more than any path can have, so that no stack is asked too much.
const DEPTH_MAX: usize = 200;
/// What standard input is called.
const STDIN: &str = "<stdin>";
/// How long the smallest difference is looked for; after it, any difference will do.
const DIFF_TIME_MAX: Duration = Duration::from_secs(2);

pub(in crate::cli) fn run(options: &Fmt, _: &Global, screen: &mut Screen) -> Exit {
    let stdin = options.paths.iter().any(|path| path.as_os_str() == "-");
    let mut formatter = Formatter { options, screen, different: false, failed: false };
    match options.paths.as_slice() {
        [] => formatter.folder(Path::new("."), 0),
        [_] if stdin => formatter.stdin(),
        _ if stdin => {
            let message = Diagnostic::error(code::engine::USAGE, "`-` is given beside other paths");
            formatter.fail(&message.help("`-` is standard input: give it alone").into(), &SourceMap::new());
        }
        paths => paths.iter().for_each(|path| formatter.path(path)),
    }
    match formatter {
        Formatter { failed: true, .. } => Exit::Error,
        Formatter { different: true, .. } if options.check => Exit::Different,
        _ => Exit::Done,
    }
}

struct Formatter<'a> {
    options: &'a Fmt,
    screen: &'a Screen,
    /// Whether something is not in the canonical layout.
    different: bool,
    failed: bool,
}

impl Formatter<'_> {
    fn fail(&mut self, messages: &Diagnostics, sources: &SourceMap) {
        self.failed = true;
        self.screen.report(messages, sources);
    }

    fn refuse(&mut self, path: &Path, what: &str, error: impl std::fmt::Display) {
        let summary = format!("`{}` cannot be {what}: {error}", path.display());
        self.fail(&Diagnostic::error(code::engine::FILE, summary).into(), &SourceMap::new());
    }

    fn path(&mut self, path: &Path) {
        match fs::metadata(path) {
            Err(error) => self.refuse(path, "read", error),
            Ok(kind) if kind.is_dir() => self.folder(path, 0),
            Ok(_) if is_formatted(path) => self.file(path),
            Ok(_) => {
                let summary = format!("`{}` is not formatted", path.display());
                let message = Diagnostic::error(code::engine::USAGE, summary);
                let message = message.help("files that end in `.hcl`, `.tf` or `.tfvars` are");
                self.fail(&message.into(), &SourceMap::new());
            }
        }
    }

    /// The files of a folder by name; with `--recursive` those of the folders in it too.
    fn folder(&mut self, folder: &Path, depth: usize) {
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.refuse(folder, "read", error),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            if is_ignored(&name.to_string_lossy()) {
                continue;
            }
            // What is in the folder in which mlo was started is named without it.
            let path = if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) };
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && self.options.recursive && depth < DEPTH_MAX {
                self.folder(&path, depth + 1);
            } else if !is_folder && is_formatted(&path) {
                self.file(&path);
            }
        }
    }

    fn file(&mut self, path: &Path) {
        // A link stays a link: what it leads to is formatted.
        let target = match path.canonicalize() {
            Ok(target) => target,
            Err(error) => return self.refuse(path, "read", error),
        };
        let bytes = match target.parent().zip(target.file_name()) {
            Some((folder, name)) => {
                Project::open(folder).and_then(|folder| folder.read(Path::new(name), SOURCE_BYTES_MAX))
            }
            None => return self.refuse(path, "read", "it is no file"),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return self.refuse(path, "read", error),
        };
        let name = path.display().to_string();
        let Some((old, new)) = self.format(&name, &bytes) else { return };
        let changed = old != new;
        self.different |= changed;
        if changed && self.options.list {
            self.screen.print_whole(&format!("{name}\n"));
        }
        let writes = self.options.write && !self.options.check;
        if changed
            && writes
            && let Err(error) = replace(&target, &new)
        {
            return self.refuse(path, "written", error);
        }
        self.show(&name, old, &new, writes || self.options.check || self.options.list);
    }

    fn stdin(&mut self) {
        let mut bytes = Vec::new();
        let limit = u64::try_from(SOURCE_BYTES_MAX).unwrap_or(u64::MAX) + 1;
        if let Err(error) = io::stdin().lock().take(limit).read_to_end(&mut bytes) {
            return self.refuse(Path::new(STDIN), "read", error);
        }
        let Some((old, new)) = self.format(STDIN, &bytes) else { return };
        self.different |= old != new;
        // As Terraform does it, standard output ends its last line.
        let end = if new.is_empty() || new.ends_with('\n') || self.options.diff { "" } else { "\n" };
        self.show(STDIN, old, &(new + end), self.options.check);
    }

    /// The text and its canonical form; nothing if it has none, which was said.
    fn format<'b>(&mut self, name: &str, bytes: &'b [u8]) -> Option<(&'b str, String)> {
        let mut sources = SourceMap::new();
        let messages = match decode(bytes) {
            Ok(text) => match format(sources.add(name, text), text) {
                Ok(formatted) => return Some((text, formatted)),
                Err(messages) => messages,
            },
            Err(at) => {
                let source = sources.add(name, String::from_utf8_lossy(bytes).as_ref());
                let start = u32::try_from(at).unwrap_or(u32::MAX);
                // What is shown there is the replacement character, three bytes long.
                let span = Span { source, start, end: start.saturating_add(3) };
                let byte = bytes.get(at).copied().unwrap_or(0);
                let summary = format!("byte 0x{byte:02x} is not UTF-8 text");
                let message = Diagnostic::error(code::lang::NOT_UTF8, summary);
                message.at(span, "here").help("save the file as UTF-8").into()
            }
        };
        self.fail(&messages, &sources);
        None
    }

    /// The differences, or the whole text unless it is `elsewhere`.
    fn show(&self, name: &str, old: &str, new: &str, elsewhere: bool) {
        if self.options.diff && old != new {
            let diff = TextDiff::configure().timeout(DIFF_TIME_MAX).diff_lines(old, new);
            let names = (format!("old/{name}"), format!("new/{name}"));
            self.screen.print_whole(&diff.unified_diff().header(&names.0, &names.1).to_string());
        } else if !self.options.diff && !elsewhere {
            self.screen.print_whole(new);
        }
    }
}

fn is_formatted(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether a file or folder is somebody's own: hidden, or what an editor keeps beside a file.
fn is_ignored(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || name.starts_with('#') && name.ends_with('#')
}
