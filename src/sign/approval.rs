//! An approval of a saved plan, as it is kept: a line of JSON, and a line with the signature of that.

use super::key::{PublicKey, Purpose, SecretKey, Signature};
use serde::{Deserialize, Serialize};

/// Version of the format that this program writes, and the newest that it reads.
pub const APPROVAL_FORMAT_VERSION: u64 = 1;

/// Who made a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Author {
    /// User and machine, as they called themselves.
    pub who: String,
    /// The key that the plan was signed with.
    pub key: Option<PublicKey>,
}

/// What was said of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The digest of the plan: `sha256:…`.
    pub plan: String,
    /// The environment that it is for.
    pub environment: String,
    /// The lineage of the state that it is for.
    pub lineage: String,
    /// That state's serial.
    pub serial: u64,
    /// When, as RFC 3339 has it.
    pub approved_at: String,
    /// User and machine of who approved it, as they called themselves.
    pub who: String,
    /// The run of a pipeline that did it.
    pub run_url: Option<String>,
    /// The key that signed this.
    pub key: Option<PublicKey>,
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Twin {
    format_version: u64,
    plan: String,
    environment: String,
    lineage: String,
    serial: u64,
    approved_at: String,
    who: String,
    run_url: Option<String>,
    key: Option<String>,
}

impl Approval {
    /// The bytes of an approval, signed with the key if there is one: that is the approval's then.
    pub fn encode(&self, key: Option<&SecretKey>) -> Vec<u8> {
        let twin = Twin {
            format_version: APPROVAL_FORMAT_VERSION,
            plan: self.plan.clone(),
            environment: self.environment.clone(),
            lineage: self.lineage.clone(),
            serial: self.serial,
            approved_at: self.approved_at.clone(),
            who: self.who.clone(),
            run_url: self.run_url.clone(),
            key: key.map(|key| key.public().to_string()),
        };
        let text = serde_json::to_string(&twin).expect("an approval is text and numbers");
        let signature = key.map(|key| key.sign(Purpose::Approval, text.as_bytes()).encode());
        format!("{text}\n{}\n", signature.unwrap_or_default()).into_bytes()
    }

    /// Reads an approval; `None` if a byte of it was changed, or if it is none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (line, signature) = text.strip_suffix('\n')?.split_once('\n')?;
        let twin: Twin = serde_json::from_str(line).ok()?;
        let key = twin.key.as_deref().map(str::parse::<PublicKey>).transpose().ok()?;
        let by = match signature {
            "" => None,
            word => Some(Signature::decode(word.as_bytes())?.by(Purpose::Approval, line.as_bytes())?),
        };
        let Twin { plan, environment, lineage, serial, approved_at, who, run_url, .. } = twin;
        let known = twin.format_version == APPROVAL_FORMAT_VERSION && by == key;
        known.then_some(Self { plan, environment, lineage, serial, approved_at, who, run_url, key })
    }
}
