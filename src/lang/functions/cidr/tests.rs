use super::*;
use crate::lang::eval::Meter;

fn answer(name: &str, args: Vec<Value>) -> String {
    match super::super::find(name).unwrap().call(args, &Meter::default()) {
        Ok(value) => {
            value.as_str().map_or_else(|| super::super::json::encode(&value).unwrap(), str::to_owned)
        }
        Err(error) => error.to_string(),
    }
}

/// The answers are Terraform's (1.11.4), the words of the errors ours.
#[test]
fn hosts_are_counted_from_either_end() {
    for (prefix, number, expected) in [
        ("10.0.0.0/8", 2, "10.0.0.2"),
        ("10.0.0.5/8", 0, "10.0.0.0"),
        ("010.001.0.0/16", 1, "10.1.0.1"),
        ("10.0.0.0/30", 3, "10.0.0.3"),
        ("10.0.0.0/30", -4, "10.0.0.0"),
        ("10.0.0.1/32", 0, "10.0.0.1"),
        ("::ffff:1.2.3.4/128", 0, "1.2.3.4"),
        ("::ffff:10.0.0.0/104", 35, "0:23::ffff:a00:0"),
        ("::/0", -1, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fd00::/64", i64::MIN, "fd00::8000:0:0:0"),
        ("10.0.0.0/30", 4, "a range with a prefix of 30 bits has no host 4"),
        ("10.0.0.0/30", -5, "a range with a prefix of 30 bits has no host -5"),
        ("10.0.0.0", 1, "it is not a range of addresses, such as `10.0.0.0/8`"),
        ("10.0.0.0/33", 1, "it is not a range of addresses, such as `10.0.0.0/8`"),
        ("10.0.0.0/+8", 1, "it is not a range of addresses, such as `10.0.0.0/8`"),
    ] {
        assert_eq!(answer("cidrhost", vec![prefix.into(), i64::into(number)]), expected, "{prefix} {number}");
    }
}

#[test]
fn parts_of_a_range_are_numbered() {
    for (prefix, new_bits, number, expected) in [
        ("10.0.0.0/8", 8, 255, "10.255.0.0/16"),
        ("10.0.0.0/8", 0, 0, "10.0.0.0/8"),
        ("0.0.0.0/0", 32, 5, "0.0.0.5/32"),
        ("::/0", 128, 5, "::5/128"),
        ("::/0", 0, 0, "::/0"),
        ("10.0.0.0/8", 8, 256, "8 bits do not hold the number 256"),
        ("10.0.0.0/8", 8, -1, "0.1.0.0/16"),
        ("10.0.0.0/8", -1, 1, "10.0.0.0/7"),
        ("2001:db8::/40", 24, -3, "0:0:0:3::/64"),
        ("::ffff:10.0.0.0/104", 8, 3, "10.3.0.0/16"),
        ("10.0.0.0/8", 8, -256, "8 bits do not hold the number -256"),
        ("10.0.0.0/8", 25, 0, "a prefix of 8 bits cannot have 25 more: an address has 32"),
        ("10.0.0.0/8", -9, 0, "a prefix of 8 bits cannot have -9 more: an address has 32"),
    ] {
        let args = vec![prefix.into(), i64::into(new_bits), i64::into(number)];
        assert_eq!(answer("cidrsubnet", args), expected, "{prefix} {new_bits} {number}");
    }
}

#[test]
fn parts_follow_each_other_without_overlapping() {
    const NONE: &str = "a range that begins at the first of all addresses, or has those of IPv4 written as IPv6, has no parts";
    for (prefix, bits, expected) in [
        ("10.0.0.0/16", &[8_i64, 4, 8][..], r#"["10.0.0.0/24","10.0.16.0/20","10.0.32.0/24"]"#),
        ("10.0.0.0/30", &[1, 1], r#"["10.0.0.0/31","10.0.0.2/31"]"#),
        ("8000::/1", &[1, 1], r#"["8000::/2","c000::/2"]"#),
        ("10.0.0.0/8", &[], "[]"),
        ("10.0.0.0/30", &[1, 1, 1], "the range has no room left for a part with a prefix of 31 bits"),
        ("::/0", &[1], NONE),
        ("0.0.0.0/8", &[1], NONE),
        ("::ffff:10.0.0.0/104", &[3], NONE),
        ("::/0", &[], "[]"),
        ("10.0.0.0/30", &[3], "a prefix cannot have 33 bits: an address has 32"),
        ("10.0.0.0/8", &[0], "a prefix can be longer by 1 to 32 bits"),
        ("8000::/1", &[33], "a prefix can be longer by 1 to 32 bits"),
    ] {
        let args = [Value::from(prefix)].into_iter().chain(bits.iter().map(|bits| Value::from(*bits)));
        assert_eq!(answer("cidrsubnets", args.collect()), expected, "{prefix} {bits:?}");
    }
}

#[test]
fn netmasks_are_of_the_old_protocol() {
    for (prefix, expected) in [
        ("10.0.0.0/0", "0.0.0.0"),
        ("10.0.0.0/19", "255.255.224.0"),
        ("10.0.0.0/32", "255.255.255.255"),
        ("::ffff:10.0.0.0/104", "ffff:ffff:ffff:ffff:ffff:ffff:ff00:0"),
        ("::/8", "addresses of IPv6 have no netmask"),
    ] {
        assert_eq!(answer("cidrnetmask", vec![prefix.into()]), expected, "{prefix}");
    }
}
