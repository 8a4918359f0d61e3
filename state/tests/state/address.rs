//! Addresses: their text, their order, and what is no address.

use mlo_state::{Address, AddressError, BlockAddress, Key, Mode, ModuleAddress, ModuleStep};
use proptest::prelude::*;

#[test]
fn text_of_an_address_is_terraforms() {
    for (text, block) in [
        ("local_file.a", "local_file.a"),
        ("local_file.a[0]", "local_file.a"),
        ("local_file.a[18446744073709551615]", "local_file.a"),
        (r#"local_file.a-b_c["eu west"]"#, "local_file.a-b_c"),
        ("data.http.page", "data.http.page"),
        ("data.module.data", "data.module.data"),
        ("module.module.t.n", "module.module.t.n"),
        (r#"module.a["x"].data.t.n[0]"#, "module.a.data.t.n"),
        (r#"module.a[7].module.b["]."].t.n[""]"#, "module.a.module.b.t.n"),
        (r#"t.n["a\"b\\c\nd\te\rf"]"#, "t.n"),
        (r#"t.n["$${x} %%{ if } $ % {} $x $$$${ $${"]"#, "t.n"),
        (r#"t.n["\u001b[31m \u202e \U000e0041"]"#, "t.n"),
        (r#"módulo.größe["日本"]"#, "módulo.größe"),
    ] {
        let address: Address = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(address.to_string(), text);
        assert_eq!(address.block().to_string(), block);
        assert_eq!(block.parse::<BlockAddress>().as_ref(), Ok(&address.block()));
        assert_eq!(address.module.to_string().parse().as_ref(), Ok(&address.module));
        assert!(address.is_readable() && address.block().is_readable());
    }
}

#[test]
fn what_is_no_address_is_said_with_its_place() {
    for (text, said) in [
        ("", "expected a resource type at byte 0"),
        (".", "expected a resource type at byte 0"),
        ("0a.b", "expected a resource type at byte 0"),
        ("-a.b", "expected a resource type at byte 0"),
        ("a", "expected `.` and a resource's name at byte 1"),
        ("a.", "expected a resource's name at byte 2"),
        ("a..b", "expected a resource's name at byte 2"),
        ("a b.c", "expected `.` and a resource's name at byte 1"),
        ("a.b.c", "unexpected text at byte 3, after the address"),
        ("a.b ", "unexpected text at byte 3, after the address"),
        ("a.b\n", "unexpected text at byte 3, after the address"),
        ("data.a", "expected `.` and a resource's name at byte 6"),
        ("data", "expected `.` and a data source's type at byte 4"),
        ("module.a", "expected `.` and a resource type at byte 8"),
        ("module", "expected `.` and a module's name at byte 6"),
        ("module.a.module", "`module` at byte 9 is a word of the syntax and cannot be a resource type"),
        ("a.b[", "expected a number or a quoted key at byte 4"),
        ("a.b[]", "expected a number or a quoted key at byte 4"),
        ("a.b[-1]", "expected a number or a quoted key at byte 4"),
        ("a.b[0", "expected `]` at byte 5"),
        ("a.b[0][1]", "unexpected text at byte 6, after the address"),
        ("a.b[01]", "the number at byte 4 is not a plain number below 2^64"),
        ("a.b[18446744073709551616]", "the number at byte 4 is not a plain number below 2^64"),
        ("a.b[\"x", "the quoted key that begins at byte 4 has no end, or holds a raw control character"),
        (
            "a.b[\"x\ny\"]",
            "the quoted key that begins at byte 4 has no end, or holds a raw control character",
        ),
        ("a.b[\"${x}\"]", "the template at byte 5 must be doubled to be plain text: `$${` or `%%{`"),
        ("a.b[\"é%{x}\"]", "the template at byte 7 must be doubled to be plain text: `$${` or `%%{`"),
        (r#"a.b["\x"]"#, r#"the escape at byte 5 is not one of \n, \r, \t, \", \\, \uXXXX, \UXXXXXXXX"#),
        (r#"a.b["\ud800"]"#, r#"the escape at byte 5 is not one of \n, \r, \t, \", \\, \uXXXX, \UXXXXXXXX"#),
        (r#"a.b["\u+123"]"#, r#"the escape at byte 5 is not one of \n, \r, \t, \", \\, \uXXXX, \UXXXXXXXX"#),
        (r#"a.b["\u12é"]"#, r#"the escape at byte 5 is not one of \n, \r, \t, \", \\, \uXXXX, \UXXXXXXXX"#),
        ("a.b[\"\\", r#"the escape at byte 5 is not one of \n, \r, \t, \", \\, \uXXXX, \UXXXXXXXX"#),
    ] {
        assert_eq!(
            text.parse::<Address>().map_err(|error| error.to_string()),
            Err(said.to_owned()),
            "{text:?}"
        );
    }
    let long = format!("a.b[\"{}\"]", "x".repeat(20_000));
    assert_eq!(long.parse::<Address>(), Err(AddressError::TooLong { bytes: 20_007 }));
    assert_eq!("module.a[0].b.c".parse::<BlockAddress>(), Err(AddressError::KeyInBlock { at: 8 }));
    assert_eq!("b.c[0]".parse::<BlockAddress>(), Err(AddressError::KeyInBlock { at: 3 }));
    assert_eq!("module.a.b".parse::<ModuleAddress>(), Err(AddressError::Trailing { at: 8 }));
    assert_eq!("module.a.module.b".parse::<ModuleAddress>().map(|module| module.steps().len()), Ok(2));
    assert_eq!("".parse(), Ok(ModuleAddress::root()));
}

#[test]
fn addresses_are_in_natural_order() {
    let in_order = [
        "b.a",
        "b.a[2]",
        "b.a[10]",
        "b.a[\"1\"]",
        "b.a[\"a\"]",
        "b.b",
        "c.a",
        "data.a.a",
        "module.a.z.z",
        "module.a.module.a.a.a",
        "module.a[2].a.a",
        "module.a[10].a.a",
        "module.b.a.a",
    ];
    let mut sorted: Vec<Address> = in_order.iter().rev().map(|text| text.parse().unwrap()).collect();
    sorted.sort();
    assert_eq!(sorted.iter().map(ToString::to_string).collect::<Vec<_>>(), in_order);
}

#[test]
fn module_is_built_step_by_step() {
    let module = ModuleAddress::root().child("a", Some(Key::Name("x".into()))).child("b", None);
    assert_eq!(module.to_string(), "module.a[\"x\"].module.b");
    assert_eq!(module.block(), ["a".into(), "b".into()]);
    assert_eq!(module.steps()[1], ModuleStep { name: "b".into(), key: None });
    assert!(ModuleAddress::root().is_root() && !module.is_root());
}

#[test]
fn what_does_not_read_back_is_told_apart() {
    let good: Address = "t.n".parse().unwrap();
    for (type_name, name) in
        [("data", "n"), ("module", "n"), ("", "n"), ("t.n", "n"), ("t", "n[0]"), ("t", "1")]
    {
        let address = Address { type_name: type_name.into(), name: name.into(), ..good.clone() };
        assert!(!address.is_readable(), "{address}");
        assert!(!address.block().is_readable(), "{address}");
    }
    let long = Address { key: Some(Key::Name("x".repeat(20_000).into())), ..good.clone() };
    assert!(!long.is_readable());
    let data = Address { mode: Mode::Data, type_name: "module".into(), ..good };
    assert!(data.is_readable());
}

/// Keys and texts out of pieces that mean something to the syntax.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "$",
            "%",
            "{",
            "}",
            "\"",
            "\\",
            "n",
            "u0041",
            "[",
            "]",
            ".",
            "0",
            "9",
            "module",
            "data",
            "a",
            "-",
            "_",
            "é",
            "\u{202e}",
            "\n",
            "\0",
            " ",
            "日",
            "\u{10ffff}",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn key() -> impl Strategy<Value = Option<Key>> {
    prop_oneof![
        Just(None),
        any::<u64>().prop_map(|index| Some(Key::Index(index))),
        pieces().prop_map(|name| Some(Key::Name(name.into()))),
    ]
}

fn name() -> impl Strategy<Value = std::sync::Arc<str>> {
    "[a-zé日_][a-z0-9_é日-]{0,6}".prop_map(Into::into)
}

fn address() -> impl Strategy<Value = Address> {
    let module = prop::collection::vec((name(), key()), 0..4).prop_map(|steps| {
        steps.into_iter().fold(ModuleAddress::root(), |module, (name, key)| module.child(name, key))
    });
    let mode = prop_oneof![Just(Mode::Managed), Just(Mode::Data)];
    (module, mode, name(), name(), key()).prop_filter_map(
        "a reserved type",
        |(module, mode, type_name, name, key)| {
            let address = Address { module, mode, type_name, name, key };
            address.is_readable().then_some(address)
        },
    )
}

proptest! {
    #[test]
    fn every_address_reads_back(address in address()) {
        let text = address.to_string();
        prop_assert!(!text.chars().any(char::is_control), "{text:?}");
        prop_assert_eq!(text.parse::<Address>(), Ok(address.clone()));
        prop_assert_eq!(address.block().to_string().parse::<BlockAddress>(), Ok(address.block()));
        prop_assert_eq!(address.module.to_string().parse::<ModuleAddress>(), Ok(address.module.clone()));
        let json = serde_json::to_string(&address).unwrap();
        prop_assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), address);
    }

    #[test]
    fn any_text_is_an_address_or_an_error_inside_it(text in pieces(), around in "(|a\\.b\\[\"|a\\.b\\[|module\\.)") {
        let text = around + &text;
        match text.parse::<Address>() {
            Ok(address) => prop_assert_eq!(address.to_string().parse(), Ok(address)),
            Err(error) => {
                let words = error.to_string();
                let at = words.split("at byte ").nth(1).and_then(|rest| rest.split([' ', ',']).next());
                let at: usize = at.unwrap_or("0").parse().unwrap();
                prop_assert!(at <= text.len() && text.is_char_boundary(at), "{text:?}: {words}");
            }
        }
    }
}
