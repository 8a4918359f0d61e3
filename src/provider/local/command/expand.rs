//! Variables in the arguments of a command. Pure.

/// An argument with `$NAME` and `${NAME}` replaced by what `lookup` knows; `$$` is a `$`. Names that it does not know stay
/// as they are.
pub(super) fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, after) = (rest.get(..at).unwrap_or(""), rest.get(at + 1..).unwrap_or(""));
        out.push_str(before);
        if let Some(escaped) = after.strip_prefix('$') {
            out.push('$');
            rest = escaped;
            continue;
        }
        let (name, after_name) = match after.strip_prefix('{').and_then(|inside| inside.split_once('}')) {
            Some((name, behind)) if is_name(name) => (name, behind),
            _ => after.split_at(name_length(after)),
        };
        if let Some(value) = lookup(name).filter(|_| !name.is_empty()) {
            out.push_str(&value);
            rest = after_name;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out + rest
}

/// Whether the argument at `index` is the script of a shell: it sees the same variables in its environment, and text that
/// is put into a script could be taken for a part of it.
pub(super) fn is_script(parts: &[&str], index: usize) -> bool {
    const SHELLS: [&str; 6] = ["sh", "bash", "dash", "zsh", "ksh", "ash"];
    let program = parts.first().and_then(|program| program.rsplit('/').next()).unwrap_or("");
    let flag = index.checked_sub(1).and_then(|before| parts.get(before)).copied().unwrap_or("");
    let is_command = flag.starts_with('-') && !flag.starts_with("--") && flag.ends_with('c');
    SHELLS.contains(&program) && index > 1 && is_command
}

fn name_length(text: &str) -> usize {
    let is_part = |(at, character): (usize, char)| {
        character == '_' || character.is_ascii_alphabetic() || (at > 0 && character.is_ascii_digit())
    };
    text.char_indices().take_while(|part| is_part(*part)).count()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && name_length(text) == text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_variables_are_replaced_and_everything_else_stays() {
        let lookup = |name: &str| match name {
            "WORLD" => Some("/w".to_owned()),
            "EMPTY" => Some(String::new()),
            "LOOP" => Some("$WORLD".to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("$WORLD/a", "/w/a"),
            ("${WORLD}a", "/wa"),
            ("a$WORLD$WORLD", "a/w/w"),
            ("[$EMPTY]", "[]"),
            ("$LOOP", "$WORLD"),
            ("$$WORLD", "$WORLD"),
            ("$WORLDS", "$WORLDS"),
            ("$i ${i} ${ $", "$i ${i} ${ $"),
            ("$1 $é", "$1 $é"),
            ("${WORLD", "${WORLD"),
            ("", ""),
        ] {
            assert_eq!(expand(text, &lookup), expected, "{text}");
        }
    }

    #[test]
    fn scripts_of_shells_are_told_from_arguments() {
        for (parts, index, expected) in [
            (&["sh", "-c", "x"][..], 2, true),
            (&["/bin/bash", "-euc", "x"], 2, true),
            (&["sh", "-c", "x", "y"], 3, false),
            (&["sh", "x"], 1, false),
            (&["tool", "-c", "x"], 2, false),
            (&["bash", "--rc", "x"], 2, false),
        ] {
            assert_eq!(is_script(parts, index), expected, "{parts:?}");
        }
    }
}
