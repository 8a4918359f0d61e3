//! `bcrypt`: hashes of passwords.
//!
//! Source: Provos and Mazières, "A Future-Adaptable Password Scheme"; the format of OpenBSD, revision `2a`.

use super::{Call, CallError, Function, Param, argument, failed, string_result, text, whole};
use crate::lang::value::{Type, Value};
use blowfish::Blowfish;
use std::fmt::Write as _;

/// The cost where none, or too small a one, is given: Go's.
const COST_DEFAULT: i64 = 10;
const COST_MIN: i64 = 4;
/// The algorithm's own limit is 31, which takes a day; this one takes about two seconds.
const COST_MAX: i64 = 15;
/// Bytes of a password that count; longer ones are refused.
const PASSWORD_MAX: usize = 72;
const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

pub(super) const FUNCTIONS: &[Function] = &[Function::new(
    "bcrypt",
    &[Param::string("str")],
    "The bcrypt hash of a password, with a cost of 10 or the one given. It is not known before a plan is applied, and each time another.",
    string_result,
    run,
)
.variadic(Param::number("cost"))];

fn run(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    if args.len() > 2 {
        return Err(failed("it takes a string and a cost, nothing more"));
    }
    let cost = if args.len() > 1 { whole(args, 1)? } else { COST_DEFAULT };
    let cost = if cost < COST_MIN { COST_DEFAULT } else { cost };
    if cost > COST_MAX {
        return Err(argument(1, format!("the cost must not be above {COST_MAX}: it would take too long")));
    }
    let password = text(args, 0);
    if password.len() > PASSWORD_MAX {
        return Err(argument(0, format!("bcrypt knows passwords of at most {PASSWORD_MAX} bytes")));
    }
    match call.outside.random() {
        None => Ok(Value::unknown(Type::String)),
        Some(salt) => Ok(Value::from(hash(password.as_bytes(), salt, cost).as_str())),
    }
}

fn hash(password: &[u8], salt: [u8; 16], cost: i64) -> String {
    let key = [password, &[0]].concat();
    let mut state = Blowfish::bc_init_state();
    state.salted_expand_key(&salt, &key);
    for _ in 0..1_u64 << cost {
        state.bc_expand_key(&key);
        state.bc_expand_key(&salt);
    }
    let mut hash = Vec::new();
    for pair in b"OrpheanBeholderScryDoubt".as_chunks::<4>().0.as_chunks::<2>().0 {
        let mut words = pair.map(u32::from_be_bytes);
        for _ in 0..64 {
            words = state.bc_encrypt(words);
        }
        hash.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    }
    // The last byte is left out, since ever.
    hash.truncate(23);
    let mut out = String::new();
    let _ = write!(out, "$2a${cost:02}${}{}", encode(&salt), encode(&hash));
    out
}

/// Base64 with an alphabet of its own, and without padding.
fn encode(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let at = (bits >> (18 - 6 * place)) & 63;
            out.push(ALPHABET.get(at as usize).map_or('.', |letter| char::from(*letter)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;
    use crate::lang::eval::Meter;
    use crate::lang::scope::Outside;

    struct Salt;

    impl Outside for Salt {
        fn random(&self) -> Option<[u8; 16]> {
            Some(*b"0123456789abcdef")
        }
    }

    /// Test vectors of `jBCrypt` and of `crypt_blowfish`, and one of Go's.
    #[test]
    fn hashes_are_those_of_others() {
        for (password, hash) in [
            ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
            ("abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
            ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
            ("correct horse é", "$2a$04$1a.CiBj1bOhN392UPZeXCeslPhalNfPY/aGYp8j7.DqAgkIDDql8q"),
        ] {
            assert_eq!(super::hash(password.as_bytes(), salt(hash), cost(hash)), hash, "{password}");
        }
    }

    /// The salt of a hash: 22 letters of six bits, of which the last four bits are left out.
    fn salt(hash: &str) -> [u8; 16] {
        let letters =
            hash[7..29].bytes().map(|letter| ALPHABET.iter().position(|known| *known == letter).unwrap());
        let bits =
            letters.flat_map(|value| (0..6).rev().map(move |bit| u8::try_from(value >> bit & 1).unwrap()));
        let bits: Vec<u8> = bits.collect();
        let bytes =
            bits.as_chunks::<8>().0.iter().map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit));
        bytes.collect::<Vec<u8>>().try_into().unwrap()
    }

    fn cost(hash: &str) -> i64 {
        hash[4..6].parse().unwrap()
    }

    #[test]
    fn each_hash_has_the_salt_that_chance_gives() {
        let args = vec![Value::from("a"), Value::from(4_i64)];
        let hash = find("bcrypt").unwrap().call_in(args, &Meter::default(), &Salt).unwrap();
        let hash = hash.as_str().unwrap();
        assert_eq!((salt(hash), cost(hash)), (*b"0123456789abcdef", 4));
    }

    #[test]
    fn what_is_too_long_or_too_costly_is_refused() {
        let call = |args: Vec<Value>| {
            find("bcrypt").unwrap().call_in(args, &Meter::default(), &Salt).unwrap_err().to_string()
        };
        assert_eq!(
            call(vec!["a".into(), 16_i64.into()]),
            "the cost must not be above 15: it would take too long"
        );
        assert_eq!(call(vec!["a".repeat(73).as_str().into()]), "bcrypt knows passwords of at most 72 bytes");
        assert_eq!(
            call(vec!["a".into(), 4_i64.into(), 4_i64.into()]),
            "it takes a string and a cost, nothing more"
        );
        assert!(find("bcrypt").unwrap().call(vec!["a".into()], &Meter::default()).unwrap().is_unknown());
    }
}
