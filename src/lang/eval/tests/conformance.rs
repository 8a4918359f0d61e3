//! Terraform's own answers to several hundred expressions.

use super::{Names, run};
use crate::lang::functions;
use crate::lang::value::Value;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Rows that need a function that is not there yet, or do not pass yet. A row that passes must leave this list.
const NOT_YET: &[&str] = &[
    "regex(\"[a-z]+\", \"53453453.345345aaabbbccc23454\")",
    "regex(\"(\\\\d\\\\d\\\\d\\\\d)-(\\\\d\\\\d)-(\\\\d\\\\d)\", \"2019-02-01\")",
    "regex(\"^(?:(?P<scheme>[^:/?#]+):)?(?://(?P<authority>[^/?#]*))?\", \"https://terraform.io/docs/\")",
    "regexall(\"[a-z]+\", \"1234abcd5678efgh9\")",
    "regexall(\"[a-z]+\", \"123456789\")",
    "length(regexall(\"(\\\\w)(\\\\d)\", \"a1b2c3\"))",
    "regexall(\"(?P<l>[a-z])(?P<d>\\\\d)\", \"a1b2\")",
    "replace(\"hello world\", \"/w.*d/\", \"everybody\")",
    "replace(\"hello\", \"/(l+)/\", \"<$1>\")",
    "replace(\"hello\", \"/(?P<x>l+)/\", \"<$${x}>\")",
    "csvdecode(\"a,b,c\\n1,2,3\\n4,5,6\")",
    "csvdecode(\"a,b\\n\\\"x, y\\\",\\\"q\\\"\\\"r\\\"\\n\")",
    "csvdecode(\"a,b\\n\")",
    "textencodebase64(\"Hello World\", \"UTF-16LE\")",
    "textdecodebase64(\"SABlAGwAbABvACAAVwBvAHIAbABkAA==\", \"UTF-16LE\")",
    "yamldecode(\"hello: world\")",
    "yamldecode(\"a: 1\\nb: &x true\\nc: [1, 2.5, null, ~, 'x']\\nd: {e: *x}\\n\")",
    "yamldecode(\"{a: &foo [1, 2, 3], b: *foo}\")",
    "yamldecode(\"a: 0x1F\\nb: 0o17\\nc: 1e3\\nd: .5\\ne: yes\\nf: 2020-01-01\\n\")",
    "yamldecode(\"|\\n  block\\n  text\\n\")",
    "yamlencode({a=\"b\", c=\"d\"})",
    "yamlencode({foo=[1, 2, 3], bar=\"baz\"})",
    "yamlencode({foo=[1, {a=\"b\",c=\"d\"}, 3], bar=\"baz\"})",
    "yamlencode({a=\"true\", b=\"1\", c=\"\", d=null, e=[], f={}, g=\"x: y\", h=\"multi\\nline\\n\", i=\"2020-01-01\", j=1.5, k=true})",
    "yamlencode(\"yes\")",
    "yamlencode([\"a\",[\"b\"]])",
    "basename(\"foo/bar/baz.txt\")",
    "basename(\"/\")",
    "dirname(\"foo/bar/baz.txt\")",
    "dirname(\"/\")",
    "dirname(\"a\")",
    "formatdate(\"DD MMM YYYY hh:mm ZZZ\", \"2018-01-02T23:12:01Z\")",
    "formatdate(\"EEEE, DD-MMM-YY hh:mm:ss ZZZ\", \"2018-01-02T23:12:01Z\")",
    "formatdate(\"EEE, DD MMM YYYY hh:mm:ss ZZZ\", \"2018-01-02T23:12:01-08:00\")",
    "formatdate(\"MMM DD, YYYY\", \"2018-01-02T23:12:01Z\")",
    "formatdate(\"HH:mmaa\", \"2018-01-02T23:12:01Z\")",
    "formatdate(\"h'h'mm 'o''clock' AA D M YY MMMM ZZZZ ZZZZZ Z\", \"2018-11-22T03:04:05+05:30\")",
    "timeadd(\"2017-11-22T00:00:00Z\", \"10m\")",
    "timeadd(\"2017-11-22T00:00:00Z\", \"-1h30m10.5s\")",
    "timeadd(\"2017-11-22T00:00:00+02:00\", \"36h\")",
    "timecmp(\"2017-11-22T00:00:00Z\", \"2017-11-22T00:00:00Z\")",
    "timecmp(\"2017-11-22T00:00:00Z\", \"2017-11-22T01:00:00Z\")",
    "timecmp(\"2017-11-22T01:00:00Z\", \"2017-11-22T00:59:00-01:00\")",
    "md5(\"hello world\")",
    "sha1(\"hello world\")",
    "uuidv5(\"dns\", \"www.terraform.io\")",
    "uuidv5(\"url\", \"https://www.terraform.io/\")",
    "uuidv5(\"oid\", \"1.3.6.1.4\")",
    "uuidv5(\"x500\", \"CN=Example,C=GB\")",
    "uuidv5(\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\", \"www.terraform.io\")",
    "cidrhost(\"10.12.112.0/20\", 16)",
    "cidrhost(\"10.12.112.0/20\", 268)",
    "cidrhost(\"10.12.112.0/20\", -1)",
    "cidrhost(\"fd00:fd12:3456:7890:00a2::/72\", 34)",
    "cidrnetmask(\"172.16.0.0/12\")",
    "cidrsubnet(\"172.16.0.0/12\", 4, 2)",
    "cidrsubnet(\"10.1.2.0/24\", 4, 15)",
    "cidrsubnet(\"fd00:fd12:3456:7890::/56\", 16, 162)",
    "cidrsubnets(\"10.1.0.0/16\", 4, 4, 8, 4)",
    "cidrsubnets(\"fd00:fd12:3456:7890::/56\", 16, 16, 16, 32)",
    "[for cidr_block in cidrsubnets(\"10.0.0.0/8\", 8, 8, 8, 8) : cidrsubnets(cidr_block, 4, 4)]",
];

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
    let unexpected: Vec<_> = wrong.iter().filter(|(expr, _)| !NOT_YET.contains(&expr.as_str())).collect();
    assert!(unexpected.is_empty(), "{} rows: {unexpected:#?}", unexpected.len());
    let failing: BTreeSet<&str> = wrong.iter().map(|(expr, _)| expr.as_str()).collect();
    let passing: Vec<_> = NOT_YET.iter().filter(|expr| !failing.contains(**expr)).collect();
    assert!(passing.is_empty(), "these pass now: {passing:#?}");
}

/// The list of functions is Terraform's, but for those that come later.
#[test]
fn functions_are_there_or_come_later() {
    let rows = rows();
    let called = rows.iter().filter_map(|row| row.expr.split_once('(').map(|(name, _)| name));
    let names =
        called.filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    for name in names.filter(|name| *name != "undefined_fn") {
        assert!(functions::find(name).is_some() != functions::comes_later(name), "{name}");
    }
}
