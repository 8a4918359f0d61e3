//! Terraform's own answers to several hundred expressions.

use super::{Names, run};
use crate::lang::value::Value;
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    expr: String,
    ok: bool,
    json: Option<String>,
}

fn rows() -> Vec<Row> {
    serde_json::from_str(include_str!("../../../../tests/cases/conformance/expressions.json")).unwrap()
}

/// What is wrong with our answer, if anything.
fn difference(row: &Row) -> Option<String> {
    let answer = run(&format!("jsonencode({})", row.expr), &Names::default());
    match (answer, row.json.as_deref(), row.ok) {
        (Ok(answer), Some(json), true) if answer.as_str() == Some(json) => None,
        (Ok(answer), Some(json), true) => Some(format!("{} instead of {json}", shown(&answer))),
        (Err(errors), _, true) => {
            Some(format!("{:?}", errors.iter().map(|error| &error.summary).collect::<Vec<_>>()))
        }
        (Ok(answer), ..) => Some(format!("{} instead of an error", shown(&answer))),
        (Err(_), ..) => None,
    }
}

fn shown(answer: &Value) -> String {
    answer.as_str().map_or_else(|| format!("{answer:?}"), str::to_owned)
}

#[test]
fn answers_are_terraforms() {
    let rows = rows();
    assert_eq!(rows.len(), 381);
    let wrong: Vec<_> = rows.iter().filter_map(|row| Some((&row.expr, difference(row)?))).collect();
    assert!(wrong.is_empty(), "{} rows: {wrong:#?}", wrong.len());
}
