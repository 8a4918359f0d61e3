//! What changes in a value, line by line, as Terraform users know it.

mod cause;
mod inside;
mod pair;
mod quantity;

pub(in crate::cli) use cause::Causes;
pub(in crate::cli) use inside::structures;

use super::Paint;
use super::value::{inline, key, quote};
use crate::cli::screen::MASK;
use crate::diag::escape;
use crate::lang::value::{Entries, Kind, Path, PathStep, Value};
use crate::plan::diff::same;
use inside::{both, inside};
use pair::{Pair, pair, pair_sets};
use quantity::same_quantity;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

/// Unchanged lines shown on each side of a changed line of a text.
const CONTEXT_LINES: usize = 3;
/// Longest search for the shortest difference of two texts; after it, a longer difference will do.
const DIFF_TIME_MAX: Duration = Duration::from_millis(500);
/// Attributes that are shown even if they do not change, because they say which object it is.
const NAMING: [&str; 2] = ["id", "name"];

/// The lines between the braces of an object: `indent` is where the symbols stand.
pub(in crate::cli) struct Changes<'a> {
    paint: Paint,
    /// Places whose change needs a new object.
    replace: &'a [Path],
    causes: Causes<'a>,
    /// Whether this is what a text spells: there a null is a value, and not the absence of one.
    in_text: bool,
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
    pub(in crate::cli) fn of(
        before: Option<&Value>,
        after: Option<&Value>,
        (replace, causes): (&'a [Path], Causes<'a>),
        paint: Paint,
    ) -> String {
        let mut changes = Self { paint, replace, causes, in_text: false, out: String::new() };
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

    /// Whether a value counts as one.
    fn is_there(&self, value: Option<&Value>) -> bool {
        value.is_some_and(|value| self.in_text || !value.is_null())
    }

    fn fate(&self, old: Option<&Value>, new: Option<&Value>) -> Fate {
        match (self.is_there(old), self.is_there(new)) {
            (false, true) => Fate::Added,
            (true, false) => Fate::Removed,
            _ => match (old, new) {
                (Some(old), Some(new)) if !same(old, new) => Fate::Changed,
                _ => Fate::Kept,
            },
        }
    }

    /// The entries of an object or map.
    fn entries(&mut self, before: Option<&Value>, after: Option<&Value>, indent: usize, at: &Path) {
        let empty = Entries::default();
        let old = before.and_then(Value::as_entries).unwrap_or(&empty);
        let new = after.and_then(Value::as_entries).unwrap_or(&empty);
        let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        let shown: Vec<_> = names
            .into_iter()
            .map(|name| {
                let (old, new) = (old.get(name), new.get(name));
                (name, old, new, self.fate(old, new))
            })
            .filter(|(_, old, new, _)| self.is_there(*old) || self.is_there(*new))
            .collect();
        let is_object = !matches!(after.or(before).map(Value::kind), Some(Kind::Map(..)));
        let naming = |name: &str| is_object && NAMING.contains(&name);
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
        self.hidden(hidden, if is_object { "attribute" } else { "element" }, indent);
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
        let old = old.filter(|value| self.is_there(Some(value)));
        let new = new.filter(|value| self.is_there(Some(value)));
        let forced = self.forced(at);
        match (old, new) {
            (None, None) => self.out.push_str("null"),
            (None, Some(new)) => {
                let note = self.note(at, old, Some(new));
                self.whole(new, Fate::Added, indent, &format!("{forced}{note}"));
            }
            (Some(old), None) => {
                self.whole(old, Fate::Removed, indent, "");
                let note = self.note(at, Some(old), None);
                if !old.is_null() {
                    let _ = write!(self.out, " {} null", self.paint.yellow("->"));
                }
                let _ = write!(self.out, "{forced}{note}");
            }
            (Some(old), Some(new)) if same(old, new) => self.whole(old, Fate::Kept, indent, &forced),
            (Some(old), Some(new)) => self.changed(old, new, indent, at),
        }
    }

    /// ` # forces replacement`, if a change here does.
    fn forced(&self, at: &Path) -> String {
        let forces = self.replace.iter().any(|path| path == at);
        if forces { self.paint.red(" # forces replacement") } else { String::new() }
    }

    /// Why a leaf changes, where that has to be said. Of what only comes or only goes it goes without saying.
    fn note(&self, at: &Path, old: Option<&Value>, new: Option<&Value>) -> String {
        let cause = self.causes.of(at, old, new).and_then(|cause| cause.note(self.causes));
        cause.map(|cause| self.paint.dim(format!(" # {cause}"))).unwrap_or_default()
    }

    fn changed(&mut self, old: &Value, new: &Value, indent: usize, at: &Path) {
        let (forced, note) = (self.forced(at), self.note(at, Some(old), Some(new)));
        if old.marks().is_sensitive() || new.marks().is_sensitive() {
            let _ = write!(self.out, "{MASK}{forced}{note}");
            return;
        }
        match (old.kind(), new.kind()) {
            (Kind::String(old), Kind::String(new))
                if both(old, new).is_some() || is_text(old) || is_text(new) =>
            {
                self.text(old, new, indent, (at, &format!("{forced}{note}")));
            }
            (Kind::String(old), Kind::String(new)) if inside::same_in_both(old, new) => {
                let spelling = self.paint.dim(" # (only the spelling changes)");
                let arrow = self.paint.yellow("->");
                let _ = write!(self.out, "{} {arrow} {}{forced}{spelling}{note}", quote(old), quote(new));
            }
            (Kind::Map(..) | Kind::Object(_), Kind::Map(..) | Kind::Object(_)) => {
                let _ = writeln!(self.out, "{{{forced}");
                self.entries(Some(old), Some(new), indent + 4, at);
                let _ = write!(self.out, "{}}}", " ".repeat(indent + 2));
            }
            (Kind::Set(_, old), Kind::Set(_, new)) => {
                let _ = writeln!(self.out, "[{forced}{note}");
                self.items(&pair_sets(old, new), indent + 4, at);
                let _ = write!(self.out, "{}]", " ".repeat(indent + 2));
            }
            (
                Kind::List(_, old) | Kind::Set(_, old) | Kind::Tuple(old),
                Kind::List(_, new) | Kind::Set(_, new) | Kind::Tuple(new),
            ) => {
                let (pairs, moved) = pair(old, new);
                let order = if moved { self.paint.dim(" # order changes") } else { String::new() };
                let _ = writeln!(self.out, "[{forced}{order}");
                self.items(&pairs, indent + 4, at);
                let _ = write!(self.out, "{}]", " ".repeat(indent + 2));
            }
            _ => {
                let same_amount = same_quantity(at, old, new);
                let same_amount =
                    if same_amount { self.paint.dim(" # (same quantity)") } else { String::new() };
                self.whole(old, Fate::Removed, indent, "");
                let _ = write!(self.out, " {} ", self.paint.yellow("->"));
                self.whole(new, Fate::Added, indent, &format!("{forced}{same_amount}{note}"));
            }
        }
    }

    /// A value that comes or goes as a whole; its parts have their own lines.
    fn whole(&mut self, value: &Value, fate: Fate, indent: usize, forced: &str) {
        if let Kind::String(text) = value.kind()
            && !value.marks().is_sensitive()
            && let Some(inside) = inside(text)
        {
            let _ = write!(
                self.out,
                "{}({forced}\n{}{} ",
                inside.function,
                " ".repeat(indent + 4),
                self.symbol(fate)
            );
            let in_text = std::mem::replace(&mut self.in_text, true);
            self.whole(&inside.value, fate, indent + 4, "");
            self.in_text = in_text;
            let _ = write!(self.out, "\n{})", " ".repeat(indent + 2));
            return;
        }
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
                if !self.is_there(Some(item)) && fate != Fate::Kept {
                    continue;
                }
                let _ = write!(self.out, "{pad}{symbol} {:width$} = ", key(name));
                self.whole(item, fate, indent + 4, "");
                self.out.push('\n');
            }
            let _ = write!(self.out, "{}}}", " ".repeat(indent + 2));
        }
    }

    /// The elements that come, go or change; the others are counted.
    fn items(&mut self, pairs: &[Pair<'_>], indent: usize, at: &Path) {
        let mut kept = 0;
        for Pair { old, new, index } in pairs {
            let fate = self.fate(*old, *new);
            if fate == Fate::Kept {
                kept += 1;
                continue;
            }
            let _ = write!(self.out, "{}{} ", " ".repeat(indent), self.symbol(fate));
            match (old, new) {
                (Some(old), Some(new)) => self.changed(old, new, indent, &at.index(*index)),
                (Some(only), None) | (None, Some(only)) => self.whole(only, fate, indent, ""),
                (None, None) => {}
            }
            self.out.push_str(",\n");
        }
        self.hidden(kept, "element", indent);
    }

    /// Two texts: by what they say, if they are JSON or YAML, else line by line.
    fn text(&mut self, old: &str, new: &str, indent: usize, (at, after): (&Path, &str)) {
        if let Some((old, new)) = both(old, new) {
            let symbol = self.symbol(Fate::Changed);
            let _ = write!(self.out, "{}({after}\n{}{symbol} ", old.function, " ".repeat(indent + 4));
            // Why the whole text changes is said already.
            let (causes, in_text) = (std::mem::take(&mut self.causes), self.in_text);
            self.in_text = true;
            self.changed(&old.value, &new.value, indent + 4, at);
            (self.causes, self.in_text) = (causes, in_text);
            let _ = write!(self.out, "\n{})", " ".repeat(indent + 2));
            return;
        }
        let _ = writeln!(self.out, "<<-EOT{after}");
        let pad = " ".repeat(indent + 4);
        let diff = TextDiff::configure().timeout(DIFF_TIME_MAX).diff_lines(old, new);
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
                let is_cut = change.tag() != ChangeTag::Equal && change.missing_newline();
                let cut = if is_cut { self.paint.dim(" # (no newline at the end)") } else { String::new() };
                let _ = writeln!(self.out, "{pad}{symbol} {line}{cut}");
            }
        }
        let _ = write!(self.out, "{}EOT", " ".repeat(indent + 2));
    }
}

fn is_text(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n')
}

/// One value that becomes another, for outputs: the lines after `name = `.
pub(super) fn output(before: Option<&Value>, after: Option<&Value>, indent: usize, paint: Paint) -> String {
    let causes = Causes::default();
    let mut changes = Changes { paint, replace: &[], causes, in_text: false, out: String::new() };
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
        Changes::of(before, after, (replace, Causes::default()), Paint(Style::Plain))
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
            "        id   = \"i\"\n      ~ tags = {\n          ~ b = 1 -> 2\n            # (1 unchanged attribute hidden)\n        }\n      ~ v    = \"1.0.0\" -> \"1.0.1\" # forces replacement\n        # (1 unchanged attribute hidden)\n"
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

    /// What `text` shows of an attribute `v` that goes from one value to another, without the first indentation.
    fn changed(old: &Value, new: &Value) -> String {
        let text = shown(Some(&object(&[("v", old.clone())])), Some(&object(&[("v", new.clone())])), &[]);
        text.lines().map(|line| line.get(6..).unwrap_or("").to_owned() + "\n").collect::<String>()
    }

    fn container(name: &str, image: &str) -> Value {
        object(&[("image", image.into()), ("name", name.into())])
    }

    #[test]
    fn elements_with_names_are_paired_by_name_and_not_by_place() {
        let old = Value::tuple([container("a", "1"), container("b", "1"), container("c", "1")]);
        let new = Value::tuple([container("new", "1"), container("b", "2"), container("c", "1")]);
        assert_eq!(
            changed(&old, &new),
            "~ v = [\n    + {\n        + image = \"1\"\n        + name  = \"new\"\n      },\n    - {\n        - image = \"1\"\n        - name  = \"a\"\n      },\n    ~ {\n        ~ image = \"1\" -> \"2\"\n          name  = \"b\"\n      },\n      # (1 unchanged element hidden)\n  ]\n"
        );
        let swapped = Value::tuple([container("b", "1"), container("a", "1"), container("c", "1")]);
        assert_eq!(
            changed(&old, &swapped),
            "~ v = [ # order changes\n      # (3 unchanged elements hidden)\n  ]\n"
        );
        // Two of one name: by place.
        let twice = Value::tuple([container("a", "1"), container("a", "2")]);
        let other = Value::tuple([container("a", "1"), container("a", "3")]);
        assert_eq!(
            changed(&twice, &other),
            "~ v = [\n    ~ {\n        ~ image = \"2\" -> \"3\"\n          name  = \"a\"\n      },\n      # (1 unchanged element hidden)\n  ]\n"
        );
    }

    #[test]
    fn sets_change_by_element() {
        let set = |items: &[&str]| Value::set(Type::String, items.iter().map(|item| (*item).into()));
        assert_eq!(
            changed(&set(&["a", "b", "c"]), &set(&["a", "c", "d"])),
            "~ v = [\n    - \"b\",\n    + \"d\",\n      # (2 unchanged elements hidden)\n  ]\n"
        );
    }

    #[test]
    fn json_and_yaml_in_strings_change_by_what_they_say() {
        assert_eq!(
            changed(&"{\"a\":1,\"b\":[1,2]}".into(), &"{\"b\":[1,3],\"a\":1}".into()),
            "~ v = jsonencode(\n    ~ {\n        ~ b = [\n            ~ 2 -> 3,\n              # (1 unchanged element hidden)\n          ]\n          # (1 unchanged attribute hidden)\n      }\n  )\n"
        );
        assert_eq!(
            changed(&"kind: Pod\nreplicas: 1\n".into(), &"kind: Pod\nreplicas: 2\n".into()),
            "~ v = yamlencode(\n    ~ {\n        ~ replicas = 1 -> 2\n          # (1 unchanged attribute hidden)\n      }\n  )\n"
        );
        // A null in a text is a value.
        assert_eq!(
            changed(&"{\"a\":1,\"q\":null}".into(), &"{\"a\":1}".into()),
            "~ v = jsonencode(\n    ~ {\n        - q = null\n          # (1 unchanged attribute hidden)\n      }\n  )\n"
        );
        // Only the spelling: as it is written, or by its lines.
        for (old, new) in [
            ("{\"a\": 1}", "{\"a\":1}"),
            ("{\"a\":1.0,\"b\":2}", "{\"b\":2,\"a\":1}"),
            ("{\"a\":1,\"a\":2}", "{\"a\":3,\"a\":2}"),
        ] {
            let expected = format!("~ v = {} -> {} # (only the spelling changes)\n", quote(old), quote(new));
            assert_eq!(changed(&old.into(), &new.into()), expected);
        }
        assert_eq!(
            changed(&"a\nb".into(), &"a\nb\n".into()),
            "~ v = <<-EOT\n      a\n    - b # (no newline at the end)\n    + b\n  EOT\n"
        );
        assert_eq!(
            changed(&"a: 1\n# old\n".into(), &"a: 1\n# new\n".into()),
            "~ v = <<-EOT\n      a: 1\n    - # old\n    + # new\n  EOT\n"
        );
        assert_eq!(changed(&"{ no json".into(), &"{ at all".into()), "~ v = \"{ no json\" -> \"{ at all\"\n");
    }

    #[test]
    fn a_quantity_that_is_only_spelled_otherwise_says_so() {
        let limits = |cpu: &str| object(&[("limits", object(&[("cpu", cpu.into())]))]);
        assert_eq!(
            changed(&limits("1"), &limits("1000m")),
            "~ v = {\n    ~ limits = {\n        ~ cpu = \"1\" -> \"1000m\" # (same quantity)\n      }\n  }\n"
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
