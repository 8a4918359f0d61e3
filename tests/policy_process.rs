//! The process that evaluates policy: whatever a policy does to it, `mlo` lives, lets nothing through and says why.

use crate::support::{Project, Said};
use std::process::Stdio;
use std::time::Duration;

/// A project whose policy has this beside a rule that denies nobody.
fn project(rules: &str) -> Project {
    let project = Project::copy_of("examples/iris");
    let text = format!("package model.governance\n\ndeny contains \"never\" if input.never\n\n{rules}\n");
    project.write("rules/policy.rego", text);
    project
}

/// A rule that takes for ever.
const ENDLESS: &str = "deny contains \"x\" if {\n\tsome a in numbers.range(1, 3000)\n\
                       \tsome b in numbers.range(1, 3000)\n\tsome c in numbers.range(1, 3000)\n\ta * b * c == -1\n}";

#[test]
fn a_hostile_policy_denies_with_a_message_of_its_own() {
    let nested = format!("x := {}1{}", "[".repeat(24), "]".repeat(24));
    // Each takes the parser some 100 ms, and no clock looks at that.
    let slow: String = (0..200)
        .fold(String::new(), |text, n| text + &format!("x{n} := {}1{}\n\n", "[".repeat(16), "]".repeat(16)));
    for (rules, expected) in [
        ("deny contains \"x\" if x\n\nx if x", &["MLO5003", "a rule needs itself"][..]),
        (&nested, &["MLO5003", "more than 16 brackets within each other"]),
        (&slow, &["MLO5002", "the policy took longer than 2000 ms while reading the bundle"]),
        // Which limit comes first, that of processor time or of the clock, is the machine's.
        (ENDLESS, &["MLO5002", "ms while judging `iris`"]),
        (
            "deny contains \"x\" if count(numbers.range(1, 400000000)) == 1",
            &["MLO5002", "the policy needs more than 512 MiB of memory while judging `iris`"],
        ),
        ("deny contains \"x\" if", &["MLO5003", "policy policy.rego does not compile"]),
    ] {
        let project = project(rules);
        let said = project.mlo(&["plan", "--policies", "rules"]);
        said.ends_with(3).has(expected).has(&[
            "Plan: 1 to add",
            "The gate could not decide, so nothing is let through and nothing was changed.",
        ]);
        said.has_not(&["panicked", "memory allocation of"]);
    }
    project("").ok(&["plan", "--policies", "rules"]);
    let project = project("deny contains \"x\" if to_number(input.kind) > 1");
    project.mlo(&["apply", "--auto-approve", "--policies", "rules"]).ends_with(3).has(&["MLO5002"]);
    assert!(!project.path().join(".mlo/services").exists(), "nothing was started");
}

/// The process that a running `mlo` evaluates policy with.
#[cfg(target_os = "linux")]
fn policy_process_of(mlo: u32) -> u32 {
    for _ in 0..1000 {
        let children =
            std::fs::read_to_string(format!("/proc/{mlo}/task/{mlo}/children")).unwrap_or_default();
        for child in children.split_whitespace() {
            let arguments = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
            if arguments.ends_with(b"__policy\0") {
                return child.parse().unwrap();
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("mlo started no process for the policy");
}

#[cfg(target_os = "linux")]
#[test]
fn a_policy_process_that_somebody_kills_denies_and_it_was_handed_no_environment() {
    use rustix::process::{Pid, Signal, kill_process};
    let project = project(ENDLESS);
    let mut command = project.command(&["plan", "--policies", "rules"]);
    command.env("AWS_SECRET_ACCESS_KEY", "hunter2").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mlo = command.spawn().unwrap();
    let policy = policy_process_of(mlo.id());
    let environment = std::fs::read_to_string(format!("/proc/{policy}/environ")).unwrap();
    // What its allocator is told, and nothing else.
    assert_eq!(environment, "MIMALLOC_ARENA_EAGER_COMMIT=0\0");
    kill_process(Pid::from_raw(i32::try_from(policy).unwrap()).unwrap(), Signal::KILL).unwrap();
    Said::of(mlo.wait_with_output().unwrap()).ends_with(3).has(&[
        "MLO5002",
        "the process that evaluates the policy was ended by signal 9 while",
        "nothing was changed",
    ]);
}

#[test]
fn the_process_answers_nobody_who_does_not_ask_in_its_words() {
    let project = Project::new();
    for text in ["", "\0\0\0\u{2}{}", "\u{7f}\u{7f}\u{7f}\u{7f}", "\0\0\0\u{9}no"] {
        let said = crate::support::fed(&mut project.command(&["__policy"]), text);
        assert!(said.out.is_empty() && said.err.is_empty() && said.code <= 1, "{}", said.all());
    }
}
