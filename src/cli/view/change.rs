//! What changes in a value, line by line, as Terraform users know it.

use super::Paint;
use super::value::{inline, key, quote};
use crate::cli::screen::MASK;
use crate::diag::escape;
use crate::lang::value::{Kind, Path, PathStep, Value};
use crate::plan::diff::same;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Unchanged lines shown on each side of a changed line of a text.
const CONTEXT_LINES: usize = 3;
/// Attributes that are shown even if they do not change, because they say which object it is.
const NAMING: [&str; 2] = ["id", "name"];

/// The lines between the braces of an object: `indent` is where the symbols stand.
pub(super) struct Changes<'a> {
    paint: Paint,
    /// Places whose change needs a new object.
    replace: &'a [Path],
    out: String,
}

/// What happens to one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Added,
    Removed,
    Changed,
    Kept,
}

impl<'a> Changes<'a> {
    /// The lines for an object that was `before` and will be `after`.
    pub(super) fn of(
        before: Option<&Value>,
        after: Option<&Value>,
        replace: &'a [Path],
        paint: Paint,
    ) -> String {
        let mut changes = Self { paint, replace, out: String::new() };
        changes.entries(before, after, 6, &Path::root());
        changes.out
    }

    fn symbol(&self, fate: Fate) -> String {
        match fate {
            Fate::Added => self.paint.add(),
            Fate::Removed => self.paint.remove(),
            Fate::Changed => self.paint.change(),
            Fate::Kept => " ".to_owned(),
        }
    }

    /// The entries of an object or map.
    fn entries(&mut self, before: Option<&Value>, after: Option<&Value>, indent: usize, at: &Path) {
        let empty = std::collections::BTreeMap::new();
        let old = before.and_then(Value::as_entries).unwrap_or(&empty);
        let new = after.and_then(Value::as_entries).unwrap_or(&empty);
        let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        let shown: Vec<_> = names
            .into_iter()
            .map(|name| {
                let (old, new) = (old.get(name), new.get(name));
                (name, old, new, fate(old, new))
            })
            .filter(|(_, old, new, _)| !(old.is_none_or(Value::is_null) && new.is_none_or(Value::is_null)))
            .collect();
        let naming = |name: &str| at.0.is_empty() && NAMING.contains(&name);
        let hidden = shown.iter().filter(|(name, _, _, fate)| *fate == Fate::Kept && !naming(name)).count();
        let visible = || shown.iter().filter(|(name, _, _, fate)| *fate != Fate::Kept || naming(name));
        let width = visible().map(|(name, ..)| key(name).chars().count()).max().unwrap_or(0);
        for (name, old, new, fate) in visible() {
            let path = at.name((*name).clone());
            let symbol = self.symbol(*fate);
            let _ = write!(self.out, "{}{symbol} {:width$} = ", " ".repeat(indent), key(name));
            self.value(*old, *new, indent, &path);
            self.out.push('\n');
        }
        self.hidden(hidden, if at.0.is_empty() { "attribute" } else { "element" }, indent);
    }

    fn hidden(&mut self, count: usize, what: &str, indent: usize) {
        if count > 0 {
            let plural = if count == 1 { "" } else { "s" };
            let line = self.paint.dim(format!("# ({count} unchanged {what}{plural} hidden)"));
            let _ = writeln!(self.out, "{}{line}", " ".repeat(indent + 2));
        }
    }

    /// What stands right of the equals sign.
    fn value(&mut self, old: Option<&Value>, new: Option<&Value>, indent: usize, at: &Path) {
        let forced = if self.replace.iter().any(|path| path == at) {
            self.paint.red(" # forces replacement")
        } else {
            String::new()
        };
        let old = old.filter(|value| !value.is_null());
        let new = new.filter(|value| !value.is_null());
        match (old, new) {
            (None, None) => self.out.push_str("null"),
            (None, Some(new)) => self.whole(new, Fate::Added, indent, &forced),
            (Some(old), None) => {
                self.whole(old, Fate::Removed, indent, &forced);
                let _ = write!(self.out, " {} null", self.paint.yellow("->"));
            }
            (Some(old), Some(new)) if same(old, new) => self.whole(old, Fate::Kept, indent, &forced),
            (Some(old), Some(new)) => self.changed(old, new, indent, (at, &forced)),
        }
    }

    fn changed(&mut self, old: &Value, new: &Value, indent: usize, (at, forced): (&Path, &str)) {
        if old.marks().is_sensitive() || new.marks().is_sensitive() {
            let _ = write!(self.out, "{MASK}{forced}");
            return;
        }
        match (old.kind(), new.kind()) {
            (Kind::String(old), Kind::String(new)) if is_text(old) || is_text(new) => {
                self.text(old, new, indent, forced);
            }
            (Kind::Map(..) | Kind::Object(_), Kind::Map(..) | Kind::Object(_)) => {
                let _ = writeln!(self.out, "{{{forced}");
                self.entries(Some(old), Some(new), indent + 4, at);
                let _ = write!(self.out, "{}}}", " ".repeat(indent + 2));
            }
            (
                Kind::List(_, old) | Kind::Set(_, old) | Kind::Tuple(old),
                Kind::List(_, new) | Kind::Set(_, new) | Kind::Tuple(new),
            ) => {
                let _ = writeln!(self.out, "[{forced}");
                self.items(old, new, indent + 4, at);
                let _ = write!(self.out, "{}]", " ".repeat(indent + 2));
            }
            _ => {
                self.whole(old, Fate::Removed, indent, "");
                let _ = write!(self.out, " {} ", self.paint.yellow("->"));
                self.whole(new, Fate::Added, indent, forced);
            }
        }
    }

    /// A value that comes or goes as a whole; its parts have their own lines.
    fn whole(&mut self, value: &Value, fate: Fate, indent: usize, forced: &str) {
        if let Kind::String(text) = value.kind()
            && !value.marks().is_sensitive()
            && is_text(text)
        {
            let _ = writeln!(self.out, "<<-EOT{forced}");
            for line in text.lines() {
                let _ = writeln!(self.out, "{}{}", " ".repeat(indent + 6), escape(line));
            }
            let _ = write!(self.out, "{}EOT", " ".repeat(indent + 2));
            return;
        }
        if let Some(text) = inline(value) {
            let _ = write!(self.out, "{text}{forced}");
            return;
        }
        let symbol = self.symbol(fate);
        let pad = " ".repeat(indent + 4);
        if let Some(items) = value.as_items() {
            let _ = writeln!(self.out, "[{forced}");
            for item in items {
                let _ = write!(self.out, "{pad}{symbol} ");
                self.whole(item, fate, indent + 4, "");
                self.out.push_str(",\n");
            }
            let _ = write!(self.out, "{}]", " ".repeat(indent + 2));
        } else if let Some(entries) = value.as_entries() {
            let width = entries.keys().map(|name| key(name).chars().count()).max().unwrap_or(0);
            let _ = writeln!(self.out, "{{{forced}");
            for (name, item) in entries {
                if item.is_null() && fate != Fate::Kept {
                    continue;
                }
                let _ = write!(self.out, "{pad}{symbol} {:width$} = ", key(name));
                self.whole(item, fate, indent + 4, "");
                self.out.push('\n');
            }
            let _ = write!(self.out, "{}}}", " ".repeat(indent + 2));
        }
    }

    /// Elements that stay are paired with themselves; what changed in place is shown as such.
    fn items(&mut self, old: &[Value], new: &[Value], indent: usize, at: &Path) {
        let spell =
            |values: &[Value]| -> Vec<String> { values.iter().map(|value| format!("{value:?}")).collect() };
        let (old_keys, new_keys) = (spell(old), spell(new));
        let operations = similar::capture_diff_slices(similar::Algorithm::Myers, &old_keys, &new_keys);
        let mut kept = 0;
        for operation in operations {
            let (olds, news) = (operation.old_range(), operation.new_range());
            if operation.tag() == similar::DiffTag::Equal {
                kept += olds.len();
                continue;
            }
            let paired = olds.len().min(news.len());
            for offset in 0..olds.len().max(news.len()) {
                let before = old.get(olds.start + offset).filter(|_| offset < olds.len());
                let after = new.get(news.start + offset).filter(|_| offset < news.len());
                let fate = if offset < paired { Fate::Changed } else { fate(before, after) };
                let _ = write!(self.out, "{}{} ", " ".repeat(indent), self.symbol(fate));
                match (before, after) {
                    (Some(before), Some(after)) => {
                        self.changed(before, after, indent, (&at.index(news.start + offset), ""));
                    }
                    (Some(only), None) | (None, Some(only)) => self.whole(only, fate, indent, ""),
                    (None, None) => {}
                }
                self.out.push_str(",\n");
            }
        }
        self.hidden(kept, "element", indent);
    }

    /// Two texts of several lines, line by line.
    fn text(&mut self, old: &str, new: &str, indent: usize, forced: &str) {
        let _ = writeln!(self.out, "<<-EOT{forced}");
        let pad = " ".repeat(indent + 4);
        let diff = TextDiff::from_lines(old, new);
        let groups = diff.grouped_ops(CONTEXT_LINES);
        for (number, group) in groups.iter().enumerate() {
            if number > 0 || group.first().is_some_and(|first| first.old_range().start > 0) {
                let _ = writeln!(self.out, "{pad}{}", self.paint.dim("  ..."));
            }
            for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
                let symbol = match change.tag() {
                    ChangeTag::Equal => " ".to_owned(),
                    ChangeTag::Delete => self.paint.remove(),
                    ChangeTag::Insert => self.paint.add(),
                };
                let line = escape(change.value().trim_end_matches('\n')).into_owned();
                let _ = writeln!(self.out, "{pad}{symbol} {line}");
            }
        }
        let _ = write!(self.out, "{}EOT", " ".repeat(indent + 2));
    }
}

fn is_text(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n')
}

fn fate(old: Option<&Value>, new: Option<&Value>) -> Fate {
    let there = |value: Option<&Value>| value.is_some_and(|value| !value.is_null());
    match (there(old), there(new)) {
        (false, true) => Fate::Added,
        (true, false) => Fate::Removed,
        _ => match (old, new) {
            (Some(old), Some(new)) if !same(old, new) => Fate::Changed,
            _ => Fate::Kept,
        },
    }
}

/// One value that becomes another, for outputs: the lines after `name = `.
pub(super) fn output(before: Option<&Value>, after: Option<&Value>, indent: usize, paint: Paint) -> String {
    let mut changes = Changes { paint, replace: &[], out: String::new() };
    changes.value(before, after, indent, &Path(vec![PathStep::Index(0)]));
    changes.out
}

/// What an object is called on the screen beside its address: `[id=…]`.
pub(super) fn identity(value: Option<&Value>) -> String {
    let id = value.and_then(|value| value.get("id")).filter(|id| !id.marks().is_sensitive());
    match id.and_then(Value::as_str) {
        Some(id) => format!(" [id={}]", quote(id).trim_matches('"')),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Style;
    use crate::lang::value::{Marks, Type};

    fn object(entries: &[(&str, Value)]) -> Value {
        Value::object(entries.iter().map(|(name, value)| ((*name).into(), value.clone())))
    }

    fn shown(before: Option<&Value>, after: Option<&Value>, replace: &[Path]) -> String {
        Changes::of(before, after, replace, Paint(Style::Plain))
    }

    #[test]
    fn a_new_object_shows_all_that_it_has() {
        let after = object(&[
            ("id", Value::unknown(Type::String)),
            ("labels", Value::list(Type::String, ["a".into(), "b".into()])),
            ("none", Value::null()),
            ("secret", Value::string("hunter2").marked(Marks::SENSITIVE)),
        ]);
        assert_eq!(
            shown(None, Some(&after), &[]),
            "      + id     = (known after apply)\n      + labels = [\n          + \"a\",\n          + \"b\",\n        ]\n      + secret = (sensitive value)\n"
        );
    }

    #[test]
    fn a_change_shows_what_differs_and_counts_the_rest() {
        let before = object(&[
            ("id", "i".into()),
            ("same", 1.into()),
            ("tags", object(&[("a", 1.into()), ("b", 1.into())])),
            ("v", "1.0.0".into()),
        ]);
        let after = object(&[
            ("id", "i".into()),
            ("same", 1.into()),
            ("tags", object(&[("a", 1.into()), ("b", 2.into())])),
            ("v", "1.0.1".into()),
        ]);
        assert_eq!(
            shown(Some(&before), Some(&after), &[Path::root().name("v")]),
            "        id   = \"i\"\n      ~ tags = {\n          ~ b = 1 -> 2\n            # (1 unchanged element hidden)\n        }\n      ~ v    = \"1.0.0\" -> \"1.0.1\" # forces replacement\n        # (1 unchanged attribute hidden)\n"
        );
    }

    #[test]
    fn lists_keep_what_stays_and_texts_are_compared_by_line() {
        let list = |items: &[&str]| Value::list(Type::String, items.iter().map(|item| (*item).into()));
        let before = object(&[("l", list(&["a", "b", "c"])), ("t", "x\ny\nz\n".into())]);
        let after = object(&[("l", list(&["a", "c", "d"])), ("t", "x\nY\nz\n".into())]);
        assert_eq!(
            shown(Some(&before), Some(&after), &[]),
            "      ~ l = [\n          - \"b\",\n          + \"d\",\n            # (2 unchanged elements hidden)\n        ]\n      ~ t = <<-EOT\n            x\n          - y\n          + Y\n            z\n        EOT\n"
        );
    }

    #[test]
    fn a_changed_secret_shows_neither_side() {
        let secret = |text: &str| object(&[("s", Value::string(text).marked(Marks::SENSITIVE))]);
        let text = shown(Some(&secret("hunter2")), Some(&secret("hunter3")), &[]);
        assert_eq!(text, "      ~ s = (sensitive value)\n");
    }

    #[test]
    fn what_goes_is_said_to_become_null() {
        let before = object(&[("id", "i".into()), ("l", Value::list(Type::String, ["a".into()]))]);
        assert_eq!(
            shown(Some(&before), None, &[]),
            "      - id = \"i\" -> null\n      - l  = [\n          - \"a\",\n        ] -> null\n"
        );
    }
}
