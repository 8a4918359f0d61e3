use super::*;
use crate::diag::{Diagnostic, SourceMap, Span};
use crate::lang::eval::evaluate;
use crate::lang::fetch::Project;
use crate::lang::functions::json;
use crate::lang::scope::{Outside, Scope};
use crate::lang::syntax::ast::Step;
use crate::lang::syntax::parse_expression;
use crate::lang::value::Marks;
use std::path::Path;

/// A folder, and one name, `text`, which is sensitive.
struct Folder {
    project: Project,
    text: &'static str,
}

impl Scope for Folder {
    fn lookup(&self, root: &str, _: Span, _: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        match root {
            "text" => Ok((Value::from(self.text), 0)),
            "secret" => Ok((Value::from("t1.tpl").marked(Marks::SENSITIVE), 0)),
            _ => Ok((Value::unknown(Type::String), 0)),
        }
    }

    fn outside(&self) -> &dyn Outside {
        self
    }
}

impl Outside for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, OutsideError> {
        Ok(self.project.read(Path::new(path), 1_000)?)
    }

    fn kind(&self, path: &str) -> Result<PathKind, OutsideError> {
        Ok(self.project.kind(Path::new(path))?)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, OutsideError> {
        Ok(self.project.list(Path::new(folder))?)
    }
}

fn write(path: &Path, bytes: &[u8]) {
    std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), bytes).unwrap();
}

const FILES: &[(&str, &str)] = &[
    ("t1.tpl", "a ${x ~}\n\n  b\n%{ if true ~}\n\n   c\n%{ endif ~}\n"),
    ("t2.tpl", "${x}"),
    ("t3.tpl", "${x}\n"),
    ("t5.tpl", "a $${x} %%{ \\n \"q\" $x\n%{ for i in l ~}\n- ${i}\n%{ endfor ~}"),
    ("empty.tpl", ""),
    ("bad.tpl", "a\n  ${x +}"),
    ("unknown.tpl", "a\n ${x ? y : 1}"),
    ("nested.tpl", "${templatefile(\"t2.tpl\", {x = 1})}"),
    ("reads.tpl", "${file(\"t2.tpl\")}"),
    ("heredoc.tpl", "TEMPLATE\n${x}\nTEMPLATE_\n"),
    (".hidden", "h"),
    ("sub/a.txt", "a"),
    ("sub/deep/b.txt", "b"),
];

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("sub/deep")).unwrap();
    for (name, text) in FILES {
        write(&folder.path().join(name), text.as_bytes());
    }
    write(&folder.path().join("bytes"), &[0xff, 0]);
    folder
}

/// The value as JSON, or all that is said of the first error.
fn answers(rows: &[(&str, &str)], text: &'static str) {
    let folder = folder();
    let scope = Folder { project: Project::open(folder.path()).unwrap(), text };
    for (expr, expected) in rows {
        let source = SourceMap::new().add("test.hcl", *expr);
        let answer = match evaluate(&parse_expression(source, expr).unwrap(), &scope) {
            Ok(value) if value.is_unknown() => "unknown".to_owned(),
            Ok(value) => {
                let marks = if value.marks_deep().is_sensitive() { " sensitive" } else { "" };
                json::encode(&value).unwrap() + marks
            }
            Err(errors) => {
                let error = errors.iter().next().unwrap();
                let label = error.labels.first().map_or("", |label| label.text.as_str());
                if label.is_empty() { error.summary.clone() } else { label.to_owned() }
            }
        };
        assert_eq!(answer, *expected, "{expr}");
    }
}

#[test]
fn files_of_the_project_are_read() {
    answers(
        &[
            ("file(\"sub/a.txt\")", "\"a\""),
            ("filebase64(\"bytes\")", "\"/wA=\""),
            ("filemd5(\"sub/a.txt\")", "\"0cc175b9c0f1b6a831c399e269772661\""),
            ("filesha1(\"sub/a.txt\") == sha1(\"a\")", "true"),
            ("filesha256(\"sub/a.txt\") == sha256(\"a\")", "true"),
            ("filesha512(\"sub/a.txt\") == sha512(\"a\")", "true"),
            ("filebase64sha256(\"sub/a.txt\") == base64sha256(\"a\")", "true"),
            ("filebase64sha512(\"sub/a.txt\") == base64sha512(\"a\")", "true"),
            ("fileexists(\"sub/a.txt\")", "true"),
            ("fileexists(\"none\")", "false"),
            ("fileexists(\"sub\")", "there is a folder at the path, not a file"),
            ("file(unknown)", "unknown"),
            ("file(secret) == \"\"", "false sensitive"),
            ("file(\"none\")", "\"none\" cannot be read: it does not exist"),
            ("file(\"sub\")", "\"sub\" cannot be read: it is not a regular file"),
            ("file(\"../x\")", "\"../x\" cannot be read: it lies outside the project"),
            ("file(\"/dev/zero\")", "\"/dev/zero\" cannot be read: it lies outside the project"),
            ("file(\"bytes\")", "the file is not text in UTF-8; `filebase64` reads any bytes"),
            ("file(\"${secret}x\")", "a value that is sensitive does not fit"),
            ("can(file(\"none\"))", "false"),
        ],
        "",
    );
}

#[test]
fn files_are_found_by_patterns() {
    answers(
        &[
            ("fileset(\".\", \"t[12].tpl\")", r#"["t1.tpl","t2.tpl"]"#),
            ("fileset(\".\", \"{t1,t{2,3}}.tpl\")", r#"["t1.tpl","t2.tpl","t3.tpl"]"#),
            ("fileset(\".\", \"*/*.txt\")", r#"["sub/a.txt"]"#),
            ("fileset(\".\", \"**/*.txt\")", r#"["sub/a.txt","sub/deep/b.txt"]"#),
            ("fileset(\"sub\", \"**\")", r#"["a.txt","deep/b.txt"]"#),
            ("fileset(\"sub\", \"../t2*\")", r#"["../t2.tpl"]"#),
            ("fileset(\".\", \".h?dden\")", r#"[".hidden"]"#),
            ("fileset(\".\", \"[^a-su-z.]2.tpl\")", r#"["t2.tpl"]"#),
            ("fileset(\"none\", \"*\")", "[]"),
            ("fileset(\".\", \"*\\\\*\")", "[]"),
            ("fileset(\".\", \"[\")", "a `[` is not closed"),
            ("fileset(\".\", \"{a\")", "a `{` is not closed"),
            ("fileset(\"..\", \"*\")", "\"..\" cannot be read: it lies outside the project"),
            (
                "fileset(\".\", \"{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}\")",
                "its braces stand for too many patterns",
            ),
        ],
        "",
    );
}

/// The answers are Terraform's (1.11.4), the words of the errors ours.
#[test]
fn templates_are_rendered() {
    answers(
        &[
            ("templatefile(\"t1.tpl\", {x = \"1\"})", r#""a 1\n  b\n\n   c\n""#),
            ("templatefile(\"t2.tpl\", {x = [1]})", "[1]"),
            ("templatefile(\"t3.tpl\", {x = 1})", r#""1\n""#),
            (
                "templatefile(\"t5.tpl\", {x = 1, l = [\"a\", \"b\"]})",
                r#""a ${x} %{ \\n \"q\" $x\n- a\n- b\n""#,
            ),
            ("templatefile(\"empty.tpl\", {})", "\"\""),
            ("templatefile(\"heredoc.tpl\", {x = 1})", r#""TEMPLATE\n1\nTEMPLATE_\n""#),
            ("templatefile(\"reads.tpl\", {})", r#""${x}""#),
            ("templatefile(\"t2.tpl\", {x = unknown})", "unknown"),
            ("templatefile(unknown, {})", "unknown"),
            ("templatefile(secret, {x = 1}) == \"\"", "false sensitive"),
            ("templatefile(\"t3.tpl\", {x = 1, y = sensitive(1)})", "\"1\\n\" sensitive"),
            ("templatefile(\"t2.tpl\", {y = 1})", "t2.tpl:1:3: no variable `x` is given"),
            ("templatefile(\"unknown.tpl\", {x = false})", "unknown.tpl:2:8: no variable `y` is given"),
            (
                "templatefile(\"bad.tpl\", {x = 1})",
                "bad.tpl:2:8: expected a value, found `}`: expected a value",
            ),
            ("templatefile(\"t2.tpl\", {x = null})", "t2.tpl: the result of the template is null"),
            ("templatefile(\"t2.tpl\", [])", "the variables of a template must be an object or a map"),
            ("templatefile(\"t2.tpl\", {\"a b\" = 1})", "\"a b\" cannot be the name of a variable"),
            ("templatefile(\"none\", {})", "the file \"none\" cannot be read: it does not exist"),
            (
                "templatefile(\"nested.tpl\", {})",
                "nested.tpl:1:3: `templatefile` has no result here: a template of `templatefile` cannot render another one",
            ),
        ],
        "",
    );
}

#[test]
fn templates_that_are_values_are_rendered() {
    answers(
        &[
            ("templatestring(text, {x = 1})", "\"1-\""),
            ("templatestring(text, {x = sensitive(1)})", "\"1-\" sensitive"),
            ("templatestring(unknown, {x = 1})", "unknown"),
            ("templatestring(\"${text}\", {x = 1})", "this is not a reference"),
            ("templatestring(upper(text), {x = 1})", "this is not a reference"),
        ],
        "${x}-",
    );
    answers(&[("templatestring(text, {x = true}) == \"true\"", "true")], "${x}");
    answers(
        &[(
            "templatestring(text, {})",
            "the template:1:8: the argument `path` of `file` does not fit: \"t2.tpl\" cannot be read: files cannot be read in a template of `templatestring`: pass what is in them as a variable",
        )],
        "${file(\"t2.tpl\")}",
    );
}

#[test]
fn a_template_takes_from_the_limits_of_its_caller() {
    let folder = folder();
    let text = "%{ for a in range(1000) }%{ for b in range(1000) }x%{ endfor }%{ endfor }";
    let scope = Folder { project: Project::open(folder.path()).unwrap(), text };
    let expr = "[for i in range(1000) : templatestring(text, {})]";
    let source = SourceMap::new().add("test.hcl", expr);
    let errors = evaluate(&parse_expression(source, expr).unwrap(), &scope).unwrap_err();
    assert!(errors.iter().any(|error| error.summary.contains("too large")), "{errors:#?}");
}
