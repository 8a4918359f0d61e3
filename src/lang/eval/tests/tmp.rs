use super::{Names, run};
#[test]
fn tmp_diff() {
    let text = std::fs::read_to_string("/tmp/oracle/exprs").unwrap();
    let mut out = String::new();
    for line in text.lines() {
        let r = run(&format!("jsonencode({line})"), &Names::default());
        out += &match r {
            Ok(v) => v.as_str().map(str::to_owned).unwrap_or_else(|| format!("{v:?}")),
            Err(e) => format!(
                "ERR {}",
                e.iter()
                    .map(|d| format!("{}|{:?}", d.summary, d.labels.first().map(|l| l.text.clone())))
                    .collect::<Vec<_>>()
                    .join(" && ")
            ),
        }
        .replace('\n', " ");
        out.push('\n');
    }
    std::fs::write("/tmp/oracle/ours", out).unwrap();
}
