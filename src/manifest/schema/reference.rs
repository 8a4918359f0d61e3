//! The table as a page of the documentation.

use super::{Field, Shape};
use std::fmt::Write as _;

/// The reference of all fields, in Markdown: one table a block.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    block(&mut page, "", super::ROOT, None);
    page
}

const INTRODUCTION: &str = "\
# The manifest

A manifest says what a model is, how good it is, and how it runs. It is a YAML file with

```yaml
apiVersion: mlifecycle.io/v1
kind: ModelDeployment
```

at its top. `mlo schema manifest` prints a JSON Schema of it for editors; `examples/valid/` has manifests to start from.
This page is made from the same table as the checks.

- Fields that are not listed here are errors; only `metrics`, `fairness`, `labels` and `annotations` take names of your
  own.
- **required**: a manifest without it is an error (exit code 1).
- **policy**: reaches the policy exactly as written. What is missing, of the wrong type or out of range there is
  denied by the rule that needs it (exit code 3), not refused as a mistake of the file.
- A file may hold several manifests, with a line `---` between them. Names are unique in a folder.
- YAML 1.2: `yes` and `no` are text, write `true` and `false`. Aliases (`*name`), merge keys (`<<`) and tags (`!!str`)
  are refused, and so is a key that is written twice.
- A number is written with no more digits than a double holds (17 at most).
";

fn block(page: &mut String, path: &str, fields: &'static [Field], other: Option<&Shape>) {
    let title = if path.is_empty() { "Top level".to_owned() } else { format!("`{path}`") };
    let _ = write!(
        page,
        "\n## {title}\n\n| field | value | | about | example |\n| --- | --- | --- | --- | --- |\n"
    );
    for field in fields {
        let own = join(path, field.name);
        let value = match field.shape {
            Shape::Object(_) | Shape::Open(..) => format!("[block](#{})", anchor(&own)),
            Shape::List(of) if !of.fields().is_empty() => {
                format!("list of [blocks](#{})", anchor(&format!("{own}[]")))
            }
            Shape::List(of) => format!("list, each {of}"),
            shape => shape.to_string(),
        };
        let duty = match (field.required, field.governed) {
            (true, _) => "required",
            (_, true) => "policy",
            _ => "",
        };
        let example = if field.example.is_empty() { String::new() } else { format!("`{}`", field.example) };
        let _ = writeln!(
            page,
            "| `{}` | {} | {duty} | {} | {} |",
            field.name,
            cell(&value),
            cell(field.about),
            cell(&example)
        );
    }
    if let Some(other) = other {
        let _ = writeln!(page, "| any other name | {} | | | |", cell(&other.to_string()));
    }
    for field in fields {
        let own = join(path, field.name);
        match field.shape {
            Shape::Object(fields) => block(page, &own, fields, None),
            Shape::Open(known, other) => block(page, &own, known, Some(other)),
            Shape::List(Shape::Object(fields) | Shape::Either(_, Shape::Object(fields))) => {
                block(page, &format!("{own}[]"), fields, None);
            }
            Shape::Either(_, Shape::Object(fields)) => block(page, &own, fields, None),
            _ => {}
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The anchor that GitHub gives a heading.
fn anchor(path: &str) -> String {
    path.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
