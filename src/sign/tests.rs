use super::*;
use std::collections::BTreeMap;

const SECRET: &str = include_str!("../../tests/cases/keys/ann.key");
const PUBLIC: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINC52pCLuobjPRT2PgEW2NqMzhA7cJYo5+IjY1Ck46qX";
const OTHER: &str = include_str!("../../tests/cases/keys/ben.key");
const LOCKED: &str = include_str!("../../tests/cases/keys/locked.key");
/// What `ssh-keygen -Y sign -n plan@mlifecycle.io` made of the text below with the key above.
const SIGNED: &str = "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg0LnakIu6huM9FPY+ARbY2ozOEDtwlijn4iNjUKTjqpcAAAAScGxhbkBtbGlmZWN5Y2xlLmlvAAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1NTE5AAAAQId5vBwv9iiPf4Zn2yoUKhlIfIA+nD0EM4syN9dZ9g8rKur/hmPEkp3Lu8+qJI00rJZP4pevx8x4RJNPdT5cnw4=";
const TEXT: &[u8] = b"sha256:0000";

fn secret() -> SecretKey {
    SecretKey::read(SECRET).unwrap()
}

fn other() -> SecretKey {
    SecretKey::read(OTHER).unwrap()
}

#[test]
fn keys_and_signatures_are_those_of_openssh() {
    let key = secret();
    assert_eq!(key.public().to_string(), PUBLIC);
    assert_eq!(format!("{PUBLIC} a remark").parse::<PublicKey>(), Ok(key.public()));
    assert_eq!(key.sign(Purpose::Plan, TEXT).encode(), SIGNED);
    let signature = Signature::decode(SIGNED.as_bytes()).unwrap();
    assert_eq!(signature.by(Purpose::Plan, TEXT), Some(key.public()));
    assert_eq!(format!("{key:?}"), format!("SecretKey({})", key.public().fingerprint()));
}

#[test]
fn a_signature_is_for_one_purpose_and_one_text() {
    let signature = Signature::decode(SIGNED.as_bytes()).unwrap();
    assert_eq!(signature.by(Purpose::Approval, TEXT), None);
    assert_eq!(signature.by(Purpose::Plan, b"sha256:0001"), None);
    assert_eq!(Signature::decode(b"").unwrap().by(Purpose::Plan, TEXT), None);
}

#[test]
fn every_flipped_bit_of_a_signature_is_refused() {
    for at in 0..SIGNED.len() {
        for bit in 0..7 {
            let mut changed = SIGNED.as_bytes().to_vec();
            changed[at] ^= 1 << bit;
            let by = Signature::decode(&changed).and_then(|signature| signature.by(Purpose::Plan, TEXT));
            assert_eq!(by, None, "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn what_is_no_key_is_refused_by_what_it_is() {
    let cut = &SECRET[..SECRET.len() / 2];
    let damaged = SECRET.replacen("AAAA", "AAAB", 1);
    for (text, error) in [
        ("", KeyError::Alien),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", KeyError::Alien),
        (cut, KeyError::Alien),
        (PUBLIC, KeyError::Alien),
        (&damaged, KeyError::Damaged),
        (LOCKED, KeyError::Passphrase),
    ] {
        assert_eq!(SecretKey::read(text).map(|key| key.public()), Err(error), "{text}");
    }
    for (text, error) in [
        ("", KeyError::Alien),
        ("ssh-ed25519", KeyError::Alien),
        ("word word", KeyError::Alien),
        ("ssh-rsa AAAAB3", KeyError::Kind),
        ("sk-ssh-ed25519@openssh.com AAAA", KeyError::Kind),
        ("ssh-ed25519 ????", KeyError::Damaged),
        ("ssh-ed25519 AAAA", KeyError::Damaged),
        (&PUBLIC[..PUBLIC.len() - 4], KeyError::Damaged),
    ] {
        assert_eq!(text.parse::<PublicKey>(), Err(error), "{text}");
    }
    // No byte of a secret key's file can be changed so that another key comes of it.
    for at in 0..SECRET.len() {
        let mut changed = SECRET.as_bytes().to_vec();
        changed[at] ^= 1;
        let key = String::from_utf8(changed).ok().and_then(|text| SecretKey::read(&text).ok());
        assert!(key.is_none_or(|key| key.public() == secret().public()), "byte {at}");
    }
}

fn approval() -> Approval {
    Approval {
        plan: "sha256:12".into(),
        environment: "prod".into(),
        lineage: "abc".into(),
        serial: 7,
        approved_at: "2026-01-02T03:04:05Z".into(),
        who: "ben@host".into(),
        run_url: None,
        key: Some(other().public()),
    }
}

#[test]
fn an_approval_is_read_as_it_was_written_and_no_byte_of_it_can_be_changed() {
    let bytes = approval().encode(Some(&other()));
    assert_eq!(Approval::decode(&bytes), Some(approval()));
    let unsigned = Approval { key: None, ..approval() };
    assert_eq!(Approval::decode(&unsigned.encode(None)), Some(unsigned));
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert_eq!(Approval::decode(&changed), None, "byte {at}");
        assert_eq!(Approval::decode(&bytes[..at]), None, "cut at {at}");
    }
    // Nobody takes the signature off, or puts their own in its place.
    let text = String::from_utf8(bytes).unwrap();
    let line = text.lines().next().unwrap();
    assert_eq!(Approval::decode(format!("{line}\n\n").as_bytes()), None);
    let own = secret().sign(Purpose::Approval, line.as_bytes()).encode();
    assert_eq!(Approval::decode(format!("{line}\n{own}\n").as_bytes()), None);
}

#[test]
fn whose_approval_counts() {
    let (ann, ben) = (secret().public(), other().public());
    let author = Author { who: "ann@host".into(), key: Some(ann) };
    let strict = Rules {
        is_required: true,
        approvers: BTreeMap::from([("ann".to_owned(), ann), ("ben".to_owned(), ben)]),
        ..Rules::default()
    };
    let unsigned = Rules { takes_unsigned: true, ..strict.clone() };
    let own = Rules { takes_authors: true, ..strict.clone() };
    let only_ann = Rules { approvers: BTreeMap::from([("ann".to_owned(), ann)]), ..strict.clone() };
    let by = |key, who: &str| Approval { key, who: who.to_owned(), ..approval() };
    for (rules, given, expected) in [
        (&strict, by(Some(ben), "ben@host"), Ok(Some("ben"))),
        (&strict, by(Some(ben), "ann@host"), Ok(Some("ben"))),
        (&strict, by(Some(ann), "ben@host"), Err(Unfit::Author)),
        (&strict, by(None, "ben@host"), Err(Unfit::Unsigned)),
        (&only_ann, by(Some(ben), "ben@host"), Err(Unfit::Unlisted(ben))),
        (&own, by(Some(ann), "ann@host"), Ok(Some("ann"))),
        (&own, by(None, "ann@host"), Err(Unfit::Unsigned)),
        (&unsigned, by(None, "ben@host"), Ok(None)),
        (&unsigned, by(None, "ann@host"), Err(Unfit::Author)),
        (&unsigned, by(Some(ann), "ann@host"), Err(Unfit::Author)),
        (&strict, Approval { plan: "sha256:13".into(), ..approval() }, Err(Unfit::Foreign)),
        (&strict, Approval { environment: "dev".into(), ..approval() }, Err(Unfit::Foreign)),
        (&strict, Approval { lineage: "def".into(), ..approval() }, Err(Unfit::Foreign)),
        (&strict, Approval { serial: 8, ..approval() }, Err(Unfit::Foreign)),
    ] {
        assert_eq!(rules.approver(&given, &approval(), &author), expected, "{given:?} {rules:?}");
    }
}

#[test]
fn nobody_approves_their_own_plan_with_a_second_key() {
    let (first, second) = (secret().public(), other().public());
    let rules = |approver: &str| Rules {
        is_required: true,
        authors: BTreeMap::from([("ann".to_owned(), first)]),
        approvers: BTreeMap::from([(approver.to_owned(), second)]),
        ..Rules::default()
    };
    let author = Author { who: "ann@host".into(), key: Some(first) };
    assert_eq!(rules("ann").approver(&approval(), &approval(), &author), Err(Unfit::Author));
    assert_eq!(rules("ben").approver(&approval(), &approval(), &author), Ok(Some("ben")));
    let taken = Rules { takes_authors: true, ..rules("ann") };
    assert_eq!(taken.approver(&approval(), &approval(), &author), Ok(Some("ann")));
}

#[test]
fn an_approval_counts_for_as_long_as_it_is_said() {
    let author = Author { who: "ann@host".into(), key: Some(secret().public()) };
    let strict = Rules {
        is_required: true,
        approvers: BTreeMap::from([("ben".to_owned(), other().public())]),
        ..Rules::default()
    };
    let for_a_day = Rules { expires_after: Some(jiff::SignedDuration::from_hours(24)), ..strict.clone() };
    // Given at 03:04:05 of the second of January.
    for (now, expected) in [
        ("2026-01-02T03:04:05Z", Ok(Some("ben"))),
        ("2026-01-03T03:04:05Z", Ok(Some("ben"))),
        ("2026-01-03T03:04:06Z", Err(Unfit::Expired)),
        ("2026-01-03T04:04:05+01:00", Ok(Some("ben"))),
        // By a clock that is a little behind, and by one that is not a clock.
        ("2026-01-02T02:59:05Z", Ok(Some("ben"))),
        ("2026-01-02T02:59:04Z", Err(Unfit::Undated)),
        ("2025-01-02T03:04:05Z", Err(Unfit::Undated)),
        ("today", Err(Unfit::Undated)),
    ] {
        let now = Approval { approved_at: now.into(), ..approval() };
        assert_eq!(for_a_day.approver(&approval(), &now, &author), expected, "{now:?}");
        assert_eq!(strict.approver(&approval(), &now, &author), Ok(Some("ben")));
    }
    let undated = Approval { approved_at: String::new(), ..approval() };
    assert_eq!(for_a_day.approver(&undated, &approval(), &author), Err(Unfit::Undated));
    // Of two that ask for something, both do.
    let shorter = Rules { expires_after: Some(jiff::SignedDuration::from_hours(1)), ..Rules::default() };
    for both in [
        for_a_day.clone().with_those_of(&shorter),
        Rules { is_required: true, ..shorter }.with_those_of(&for_a_day),
    ] {
        assert_eq!(both.expires_after, Some(jiff::SignedDuration::from_hours(1)));
        assert!(both.is_required);
    }
    assert_eq!(strict.clone().with_those_of(&for_a_day).expires_after, for_a_day.expires_after);
}

#[test]
fn whose_plans_are_taken() {
    let (ann, ben) = (secret().public(), other().public());
    let listed = |name: &str, key| BTreeMap::from([(name.to_owned(), key)]);
    let by = |key| Author { who: "somebody".into(), key };
    let anybody = Rules::default();
    let approvers = Rules { is_required: true, approvers: listed("ann", ann), ..Rules::default() };
    let authors = Rules { authors: listed("ben", ben), ..Rules::default() };
    let both = Rules { authors: listed("ben", ben), ..approvers.clone() };
    let in_good_faith = Rules { is_required: true, takes_unsigned: true, ..Rules::default() };
    for (rules, author, expected) in [
        (&anybody, by(None), Ok(None)),
        (&anybody, by(Some(ann)), Ok(None)),
        (&approvers, by(Some(ann)), Ok(Some("ann"))),
        (&approvers, by(Some(ben)), Err(Unsigned::Unlisted(ben))),
        (&approvers, by(None), Err(Unsigned::Nobody)),
        (&authors, by(Some(ben)), Ok(Some("ben"))),
        (&authors, by(None), Err(Unsigned::Nobody)),
        (&both, by(Some(ann)), Err(Unsigned::Unlisted(ann))),
        (&in_good_faith, by(Some(ann)), Ok(None)),
        (&in_good_faith, by(None), Err(Unsigned::Nobody)),
    ] {
        assert_eq!(rules.author(&author), expected, "{author:?} {rules:?}");
    }
}
