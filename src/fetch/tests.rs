//! Bytes that nobody made on purpose: whatever they are, an answer comes.

use super::Purpose;
use super::address::{Address, Format};
use super::archive::{packed, unpack};
use super::lock::Lock;
use proptest::prelude::*;
use std::io::Write as _;

/// A ZIP file of `a/main.tf`, deflated, and `b`, empty.
const ZIP: &str = concat!(
    "504b030414000000080000002150f0711ac4060000002800000009000000612f6d61696e2e7466aba8200e0000504b030414",
    "00000008000000215000000000020000000000000001000000620300504b0102140314000000080000002150f0711ac40600",
    "000028000000090000000000000000000000a48100000000612f6d61696e2e7466504b010214031400000008000000215000",
    "0000000200000000000000010000000000000000000000a4812d00000062504b05060000000002000200660000004e000000",
    "0000",
);

fn zip() -> Vec<u8> {
    let digits = ZIP.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn tar() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in [("a/main.tf", "text"), ("b", "")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn honest_archives_are_read_alike() {
    let paths = |bytes: &[u8], format| -> Vec<String> {
        unpack(bytes, format, Purpose::Module).unwrap().files.into_keys().collect()
    };
    assert_eq!(paths(&zip(), Format::Zip), ["a/main.tf", "b"]);
    assert_eq!(paths(&gz(&tar()), Format::TarGz), ["a/main.tf", "b"]);
}

#[test]
fn what_is_packed_is_the_same_each_time_and_unpacked_as_it_was() {
    let long = format!("{}/a.rego", "folder".repeat(30));
    let files = [("b.rego", "package b"), (long.as_str(), "package a"), (".manifest", "{}")];
    let files: std::collections::BTreeMap<_, _> =
        files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).into();
    let bytes = packed(&files).unwrap();
    assert_eq!(packed(&files).unwrap(), bytes);
    let tree = unpack(&bytes, Format::TarGz, Purpose::Policy).unwrap();
    let back = tree.files.into_iter().map(|(name, bytes)| (name, bytes.as_ref().clone()));
    assert_eq!(back.collect::<std::collections::BTreeMap<_, _>>(), files);
}

#[test]
fn paths_from_the_root_on_are_those_of_a_bundle_of_policies_and_of_no_module() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..7].copy_from_slice(b"/a.rego");
    header.set_size(1);
    header.set_cksum();
    builder.append(&header, &b"x"[..]).unwrap();
    let bytes = gz(&builder.into_inner().unwrap());
    let files = unpack(&bytes, Format::TarGz, Purpose::Policy).unwrap().files;
    assert_eq!(files.into_keys().collect::<Vec<_>>(), ["a.rego"]);
    assert!(
        unpack(&bytes, Format::TarGz, Purpose::Module).unwrap_err().to_string().contains("is not relative")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_archives_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        for (mut bytes, is_tar) in [(tar(), true), (zip(), false)] {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if cuts {
                bytes.truncate(cut.index(bytes.len()));
            }
            let files = if is_tar { unpack(&gz(&bytes), Format::TarGz, Purpose::Policy) } else { unpack(&bytes, Format::Zip, Purpose::Policy) };
            for path in files.map(|tree| tree.files).unwrap_or_default().keys() {
                prop_assert!(super::tree::path(path).is_ok_and(|clean| clean == *path), "{path:?}");
            }
        }
    }

    #[test]
    fn any_text_is_an_address_or_none(text in "(git::|oci://|https://|github.com/|)?[a-z@:/?&=%.#~-]{0,40}|.{0,60}") {
        if let Ok(address) = Address::parse(&text) {
            prop_assert!(!address.folder.split('/').any(|part| part == ".."), "{address:?}");
            prop_assert!(!address.key().is_empty());
        }
        let _ = Lock::parse(text.as_bytes());
    }
}
