//! Who may make a saved plan of an environment, who approved it, and what is noted of both.
//!
//! Goes in: an environment's block, a plan, what is kept beside the state. Comes out: the rules; the approvals that count,
//! or why none does. Never happens: rules taken from a plan alone, where the configuration that is here has stricter ones.

use super::environment::{Blocks, Chosen};
use super::exit::Exit;
use super::lock::Stop;
use super::saved::{Refused, Saved};
use super::session::{self, Session};
use crate::diag::{Diagnostic, Diagnostics, because, code};
use crate::lang::config::{Environment, NamedKey};
use crate::sign::{Approval, Author, PublicKey, Rules, SecretKey, Unfit, Unsigned};
use mlo_state::Document;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What the names of approvals begin with.
const APPROVAL: &str = "approval.";
/// Bytes of a file of keys.
const KEYS_BYTES_MAX: u64 = 1024 * 1024;
/// Approvals that do not count and are named.
const UNFIT_SHOWN_MAX: usize = 10;

/// The rules of an environment.
///
/// # Errors
/// For each key that is none.
pub(super) fn rules(environment: &Chosen) -> Result<Rules, Diagnostics> {
    environment.block.as_ref().map_or_else(|| Ok(Rules::default()), rules_of)
}

/// All that is wrong with the keys of environments.
pub(super) fn check(blocks: &Blocks) -> Diagnostics {
    let mut messages = Diagnostics::new();
    for block in blocks.values() {
        messages.extend(rules_of(block).err().unwrap_or_default());
    }
    messages
}

fn rules_of(block: &Environment) -> Result<Rules, Diagnostics> {
    let mut messages = Diagnostics::new();
    let mut keys = |named: &BTreeMap<Arc<str>, NamedKey>| {
        let mut keys = BTreeMap::new();
        for (name, (text, span)) in named {
            match text.parse::<PublicKey>() {
                Ok(key) => drop(keys.insert(name.to_string(), key)),
                Err(error) => {
                    let summary = format!("the key of `{name}` cannot be used: {error}");
                    let error = Diagnostic::error(code::engine::SIGNING_KEY, summary).at(*span, "");
                    messages.push(
                        error.help("write the line of a `.pub` file that `ssh-keygen -t ed25519` made"),
                    );
                }
            }
        }
        keys
    };
    let rules = Rules {
        is_required: block.require_approval,
        authors: keys(&block.authors),
        approvers: keys(&block.approvers),
        takes_unsigned: block.unsigned_approvals,
        takes_authors: block.approvals_by_author,
        expires_after: block.approval_expires_after,
    };
    if rules.is_required && rules.approvers.is_empty() && !rules.takes_unsigned {
        let name = &block.name;
        let summary = format!("environment `{}` needs approvals, and nobody may give them", name.name);
        let error = Diagnostic::error(code::engine::NOT_CONSENTED, summary).at(name.span, "no `approvers`");
        messages.push(error.help("list who may: `approvers = { name = \"ssh-ed25519 …\" }`"));
    }
    messages.into_result(rules).map(|(rules, _)| rules)
}

/// The key that was given to sign with: a file, or, from a variable, what stands in one.
///
/// # Errors
/// If it cannot be read, or is none.
pub(super) fn signing_key(given: Option<&str>) -> Result<Option<SecretKey>, Diagnostics> {
    let Some(given) = given else { return Ok(None) };
    let is_text = SecretKey::is_begun_by(given);
    let shown = if is_text { "MLO_SIGNING_KEY" } else { given };
    let wrong = |why: String| {
        let error = Diagnostic::error(
            code::engine::SIGNING_KEY,
            format!("the key in `{shown}` cannot be used: {why}"),
        );
        Diagnostics::from(
            error.help("`ssh-keygen -t ed25519 -N '' -f FILE` makes a key; its public part is in `FILE.pub`"),
        )
    };
    let text = if is_text { given.to_owned() } else { read(Path::new(given)).map_err(wrong)? };
    let text = zeroize::Zeroizing::new(text);
    SecretKey::read(&text).map(Some).map_err(|error| wrong(error.to_string()))
}

fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| because(&error))?;
    let mut text = String::new();
    let read = std::io::Read::read_to_string(&mut std::io::Read::take(file, KEYS_BYTES_MAX), &mut text);
    read.map(|_| text).map_err(|error| because(&error))
}

/// Refuses to save a plan that nobody could apply.
pub(super) fn check_saving(environment: &Chosen, key: Option<&SecretKey>) -> Result<(), Diagnostics> {
    let rules = rules(environment)?;
    let author = Author { who: String::new(), key: key.map(SecretKey::public) };
    rules.author(&author).map(drop).map_err(|why| not_signed("this plan", &environment.name, why).into())
}

fn not_signed(plan: &str, environment: &str, why: Unsigned) -> Diagnostic {
    let summary = match why {
        Unsigned::Nobody => {
            format!("{plan} is not signed, and the environment `{environment}` takes only plans that are")
        }
        Unsigned::Unlisted(key) => {
            format!(
                "{plan} is signed with the key {}, which the environment `{environment}` does not list",
                key.fingerprint()
            )
        }
    };
    let error = Diagnostic::error(code::engine::PLAN_UNSIGNED, summary);
    error.help(
        "sign it with a key of its `authors`, or else `approvers`: `mlo plan --out FILE --signing-key KEY`",
    )
}

/// Refuses a saved plan by the key that it is signed with, or by none. `trusted` is a file of keys of which one must
/// have signed it, whatever a configuration says.
pub(super) fn check_author(saved: &Saved, trusted: Option<&Path>) -> Result<(), Refused> {
    let Saved { rules, author, name, .. } = saved;
    let denied = |error: Diagnostic| (Diagnostics::from(error), Exit::Denied);
    if let Some(file) = trusted {
        let keys = trusted_keys(file).map_err(|said| (said, Exit::Error))?;
        if !author.key.is_some_and(|key| keys.contains(&key)) {
            let by = author
                .key
                .map_or_else(|| "by nobody".to_owned(), |key| format!("with the key {}", key.fingerprint()));
            let summary = format!("`{name}` is signed {by}, and not with a key of `{}`", file.display());
            let error = Diagnostic::error(code::engine::PLAN_UNSIGNED, summary);
            return Err(denied(error.help(
                "look where the file comes from; sign plans with `mlo plan --out FILE --signing-key KEY`",
            )));
        }
    }
    let plan = format!("`{name}`");
    rules.author(author).map(drop).map_err(|why| denied(not_signed(&plan, &saved.plan.environment, why)))
}

fn trusted_keys(file: &Path) -> Result<Vec<PublicKey>, Diagnostics> {
    let wrong = |why: String| {
        let summary = format!("`{}` is no list of public keys: {why}", file.display());
        let error = Diagnostic::error(code::engine::SIGNING_KEY, summary);
        Diagnostics::from(error.help("each line is that of a `.pub` file: `ssh-ed25519 …`"))
    };
    let text = read(file).map_err(wrong)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Result<Vec<_>, _> = lines.map(str::parse).collect();
    let keys = keys.map_err(|error: crate::sign::KeyError| wrong(error.to_string()))?;
    if keys.is_empty() { Err(wrong("there is none in it".to_owned())) } else { Ok(keys) }
}

/// That nothing is applied here but what was looked at.
fn only_saved(environment: &str) -> Diagnostic {
    let summary = format!("the environment `{environment}` applies only saved plans that are approved");
    Diagnostic::error(code::engine::NOT_CONSENTED, summary).help(format!(
        "save one with `mlo plan --env {environment} --out FILE --signing-key KEY`, have it approved with `mlo approve FILE`, then `mlo apply FILE`"
    ))
}

/// An approval by the one who runs this, of a saved plan, or what one would have to say.
pub(super) fn approval(saved: &Saved, key: Option<&SecretKey>) -> Approval {
    let holder = session::holder("approve");
    Approval {
        plan: saved.digest.clone(),
        environment: saved.plan.environment.clone(),
        lineage: saved.plan.lineage.clone(),
        serial: saved.plan.serial,
        approved_at: holder.since,
        who: holder.who,
        run_url: holder.run_url,
        key: key.map(SecretKey::public),
    }
}

/// Refuses an approval that would not count.
pub(super) fn check_approval(saved: &Saved, approval: &Approval) -> Result<Option<String>, Diagnostics> {
    let name = saved.rules.approver(approval, approval, &saved.author);
    name.map(|name| name.map(str::to_owned)).map_err(|why| {
        let environment = &saved.plan.environment;
        let (summary, help) = match why {
            Unfit::Unsigned => (
                format!("approvals of the environment `{environment}` are signed, and no key is given"),
                "give yours: `--signing-key FILE`, or `MLO_SIGNING_KEY`",
            ),
            Unfit::Unlisted(key) => (
                format!(
                    "the key {} is none of those who may approve plans of `{environment}`",
                    key.fingerprint()
                ),
                "somebody whose key is in `approvers` of the environment's block has to approve it",
            ),
            Unfit::Author | Unfit::Foreign | Unfit::Expired | Unfit::Undated => (
                format!("`{}` was made by the same who would approve it", saved.name),
                "another of the `approvers` has to approve it",
            ),
        };
        Diagnostic::error(code::engine::NOT_CONSENTED, summary).help(help).into()
    })
}

/// The document of an approval.
pub(super) fn document(approval: &Approval, key: Option<&SecretKey>) -> Document {
    let name = format!("{APPROVAL}{}.{}", digits(&approval.plan), session::random_name());
    Document { name, bytes: approval.encode(key) }
}

fn digits(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

/// That a plan may be applied, and what is noted of it before it is.
pub(super) struct Consent {
    /// By whom it was approved, and by which rules.
    pub(super) approved: Json,
    /// What is said of it.
    pub(super) said: Diagnostics,
}

/// Whether what is about to be applied may be, by who approved it. Asked under the lock, so that it is known before
/// anything is done.
///
/// # Errors
/// The end, if it may not.
pub(super) async fn consent(session: &Session, saved: Option<&Saved>) -> Result<Option<Consent>, Stop> {
    let denied = |error: Diagnostic| Stop::Failed(error.into(), Exit::Denied);
    let Some(saved) = saved else {
        let is_required = rules(&session.environment)?.is_required;
        return if is_required { Err(denied(only_saved(&session.environment.name))) } else { Ok(None) };
    };
    if !saved.rules.is_required {
        return Ok(None);
    }
    let failed = |error| Stop::store(&error, &session.place);
    let documents = session.store.documents(APPROVAL).await.map_err(failed)?;
    let own = format!("{APPROVAL}{}.", digits(&saved.digest));
    let (own, others): (Vec<_>, Vec<_>) =
        documents.iter().partition(|document| document.name.starts_with(&own));
    let wanted = approval(saved, None);
    let (mut fit, mut unfit) = (Vec::new(), Vec::new());
    for document in own {
        let Some(approval) = Approval::decode(&document.bytes) else {
            unfit.push(format!("`{}` is damaged, or was changed", document.name));
            continue;
        };
        match saved.rules.approver(&approval, &wanted, &saved.author) {
            Ok(name) => fit.push((name.map(str::to_owned), approval)),
            Err(why) => unfit.push(unfitness(&saved.rules, &approval, why)),
        }
    }
    if fit.is_empty() {
        return Err(denied(nobody(saved, &unfit, others.len())));
    }
    Ok(Some(Consent { approved: approved(saved, &fit), said: loosened(saved) }))
}

fn unfitness(rules: &Rules, approval: &Approval, why: Unfit) -> String {
    let who = &approval.who;
    match why {
        Unfit::Foreign => format!("that of {who} is of another plan"),
        Unfit::Unsigned => format!("that of {who} is not signed"),
        Unfit::Unlisted(key) => {
            format!("that of {who} is signed with the key {}, which is not listed", key.fingerprint())
        }
        Unfit::Author => format!("that of {who} is by the plan's author"),
        Unfit::Expired => {
            let counts = rules.expires_after.unwrap_or_default();
            format!("that of {who} was given at {}, and counts for {counts:#}", approval.approved_at)
        }
        Unfit::Undated => format!("that of {who} does not say when it was given, or a time yet to come"),
    }
}

fn nobody(saved: &Saved, unfit: &[String], others: usize) -> Diagnostic {
    let name = &saved.name;
    let summary = if unfit.is_empty() {
        format!("nobody has approved `{name}`")
    } else {
        format!("nobody who may has approved `{name}`")
    };
    let mut error = Diagnostic::error(code::engine::NOT_CONSENTED, summary);
    if !unfit.is_empty() {
        let shown: Vec<_> = unfit.iter().take(UNFIT_SHOWN_MAX).map(String::as_str).collect();
        error = error.detail(format!("Of its approvals {}.", shown.join(", ")));
    } else if others > 0 {
        let plans = if others == 1 { "1 approval".to_owned() } else { format!("{others} approvals") };
        error = error
            .detail(format!("There is {plans} of other plans: this one has the digest {}.", saved.digest));
    }
    error.help(format!("have it approved by one of the environment's `approvers`: `mlo approve {name}`"))
}

/// What an environment has switched off is said each time.
pub(super) fn loosened(saved: &Saved) -> Diagnostics {
    let (rules, environment) = (&saved.rules, &saved.plan.environment);
    let mut messages = Diagnostics::new();
    for (is_off, what) in [
        (
            rules.takes_unsigned,
            "takes approvals that are not signed: anybody who can write to the state's place can leave one",
        ),
        (rules.takes_authors, "takes approvals by a plan's own author"),
    ] {
        if rules.is_required && is_off {
            let summary = format!("the environment `{environment}` {what}");
            messages.push(Diagnostic::warning(code::engine::NOT_CONSENTED, summary));
        }
    }
    messages
}

/// By whom a plan was approved, and by which rules.
fn approved(saved: &Saved, fit: &[(Option<String>, Approval)]) -> Json {
    let approvals: Vec<_> = fit
        .iter()
        .map(|(name, approval)| {
            let key = approval.key.map(|key| key.to_string());
            json!({ "name": name, "who": approval.who, "key": key, "approved_at": approval.approved_at })
        })
        .collect();
    let rules = json!({
        "signed": !saved.rules.takes_unsigned,
        "not_by_author": !saved.rules.takes_authors,
        "expires_after_s": saved.rules.expires_after.map(|time| time.as_secs()),
    });
    json!({ "approvals": approvals, "rules": rules })
}
