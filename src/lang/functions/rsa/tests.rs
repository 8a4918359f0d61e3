use super::super::find;
use super::*;
use crate::lang::eval::Meter;
use proptest::prelude::*;

fn decrypted(cipher: &str, key: &str) -> String {
    let args = vec![Value::from(cipher), Value::from(key)];
    match find("rsadecrypt").unwrap().call(args, &Meter::default()) {
        Ok(value) => value.as_str().unwrap().to_owned(),
        Err(error) => error.to_string(),
    }
}

/// What OpenSSL encrypted for the key below.
const CIPHER: &str = "nNtZu7QAc9yEnfA5Bxq87bxRkomTJeuwUc49qgM05cNF68+nGq676Z5gAGV4UmVJ+tFfzwtQcjbWLgsomGEaiKpSqDKLsEO2kboPWsuV0T5+IdWaG0QQ6dDp2hQsa8mkAHzR2kN5Y5YFyyBsiP3XtS0bGMOrsDERAAWxyW6qYbw=";

#[test]
fn what_was_encrypted_for_a_key_is_decrypted_by_any_form_of_it() {
    for key in [PKCS1, PKCS8, OPENSSH] {
        assert_eq!(decrypted(CIPHER, key), "secret é", "{key}");
    }
}

#[test]
fn what_cannot_be_decrypted_says_why() {
    let flipped = CIPHER.replacen('n', "m", 1);
    let locked = PKCS1.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n\n");
    let elliptic = PKCS8.replace("PRIVATE KEY", "EC PRIVATE KEY");
    for (cipher, key, expected) in [
        (flipped.as_str(), PKCS1, "it was not encrypted for this key"),
        ("", PKCS1, "it was not encrypted for this key"),
        ("?", PKCS1, "it is not Base64"),
        (CIPHER, "", "it is not a private key in PEM"),
        (CIPHER, "-----BEGIN PRIVATE KEY-----\n", "it is not a private key in PEM"),
        (CIPHER, locked.as_str(), "the key is protected by a password"),
        (CIPHER, elliptic.as_str(), "it is not a private key of RSA"),
    ] {
        assert_eq!(decrypted(cipher, key), expected, "{cipher} {key}");
    }
}

proptest! {
    /// A key with some bytes changed is refused, or decrypts to nothing; whatever its lengths say.
    #[test]
    fn a_broken_key_is_no_danger(at in 0_usize..600, byte in any::<u8>(), cut in 0_usize..600) {
        for (pem, read) in [(PKCS1, pkcs1 as fn(&[u8]) -> Option<Key>), (PKCS8, pkcs8), (OPENSSH, openssh)] {
            let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            let mut bytes = decode_bytes(&body).unwrap();
            if let Some(changed) = bytes.get_mut(at) {
                *changed = byte;
            }
            bytes.truncate(bytes.len().saturating_sub(cut));
            if let Some(key) = read(&bytes) {
                let _ = decrypt(&key, &decode_bytes(CIPHER).unwrap());
            }
        }
    }
}

/// A key made for this test, in three forms.
const PKCS1: &str = "\
-----BEGIN RSA PRIVATE KEY-----\n\
MIICWwIBAAKBgQC96kQkisOHEgKK0gf3/PwSi/DWvKhVUWlq03fYFxJODJKcKp00\n\
3iLi5FQmOiGUfAtUHr1PXxyK8tS+IRdHe/DhQnAbPOTn4FPjImoywrknI3EDxh+F\n\
b+JuLW8Qy2Em1ZDVUBpsfzICrVOlIKt5yajT1l7bVx/IpRMYCtV2RoXN7QIDAQAB\n\
AoGAC1ApPwQFIcaw4BQi5WLsoS406pXScUKoRPTT7stxC7U0BpmDQ+L3sQxo9t3/\n\
ohjBlAFAxbmkuaI9ihXujROVBbvJbwEmY7v/lBagG42MVnCnfoYAyqDUaK5RkCHJ\n\
cuTloX4ZyPNtE9JEeCBErBghwAgyPBoVY5Y6mMuv41kpQwECQQDzaRuQWkeEOCNn\n\
gI8dpUAsEuBE91EQNj9cb94JZw6wywc6fD7hTiln0PB5cO1K2Ib1RVqQA9OkjYLQ\n\
kNJ8p2tLAkEAx7zZNaFjWcr01N30ld8ugf63mmHePBBH0V/TEAmGaoI9DYi7cGFG\n\
beKMeUZUDJgojhDT54k5fHG2Y6p5OlpwpwJAWQm4uHwdrwLuCH1hXKHHMJgTC4dA\n\
UuLVGJYfLWdSW19ZHI64Xag+wygN3w5s7rT34R5me0m7EHVnRa3EIS8IswJAZaWt\n\
xKVFMkUfI9Vwy3Sw7mb6eQ6lUlvWsK7bcqXmSf3NpD2ZZi+a8AEDDBTGYUJuIR5f\n\
OM2U+8fC0iXHW/L6sQJAWZCIMUQT5XqFIEP3dacWVUZs9V9wrnaQipQoIoDAA4Is\n\
RvU/7pyWDpC3oVxjVBAeOXOVGA0oVrnygL5IyfYs1A==\n\
-----END RSA PRIVATE KEY-----\n";
const PKCS8: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBAL3qRCSKw4cSAorS\n\
B/f8/BKL8Na8qFVRaWrTd9gXEk4MkpwqnTTeIuLkVCY6IZR8C1QevU9fHIry1L4h\n\
F0d78OFCcBs85OfgU+MiajLCuScjcQPGH4Vv4m4tbxDLYSbVkNVQGmx/MgKtU6Ug\n\
q3nJqNPWXttXH8ilExgK1XZGhc3tAgMBAAECgYALUCk/BAUhxrDgFCLlYuyhLjTq\n\
ldJxQqhE9NPuy3ELtTQGmYND4vexDGj23f+iGMGUAUDFuaS5oj2KFe6NE5UFu8lv\n\
ASZju/+UFqAbjYxWcKd+hgDKoNRorlGQIcly5OWhfhnI820T0kR4IESsGCHACDI8\n\
GhVjljqYy6/jWSlDAQJBAPNpG5BaR4Q4I2eAjx2lQCwS4ET3URA2P1xv3glnDrDL\n\
Bzp8PuFOKWfQ8Hlw7UrYhvVFWpAD06SNgtCQ0nyna0sCQQDHvNk1oWNZyvTU3fSV\n\
3y6B/reaYd48EEfRX9MQCYZqgj0NiLtwYUZt4ox5RlQMmCiOENPniTl8cbZjqnk6\n\
WnCnAkBZCbi4fB2vAu4IfWFcoccwmBMLh0BS4tUYlh8tZ1JbX1kcjrhdqD7DKA3f\n\
DmzutPfhHmZ7SbsQdWdFrcQhLwizAkBlpa3EpUUyRR8j1XDLdLDuZvp5DqVSW9aw\n\
rttypeZJ/c2kPZlmL5rwAQMMFMZhQm4hHl84zZT7x8LSJcdb8vqxAkBZkIgxRBPl\n\
eoUgQ/d1pxZVRmz1X3CudpCKlCgigMADgixG9T/unJYOkLehXGNUEB45c5UYDShW\n\
ufKAvkjJ9izU\n\
-----END PRIVATE KEY-----\n";
const OPENSSH: &str = "\
-----BEGIN OPENSSH PRIVATE KEY-----\n\
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAlwAAAAdzc2gtcn\n\
NhAAAAAwEAAQAAAIEAvepEJIrDhxICitIH9/z8Eovw1ryoVVFpatN32BcSTgySnCqdNN4i\n\
4uRUJjohlHwLVB69T18civLUviEXR3vw4UJwGzzk5+BT4yJqMsK5JyNxA8YfhW/ibi1vEM\n\
thJtWQ1VAabH8yAq1TpSCrecmo09Ze21cfyKUTGArVdkaFze0AAAH4OMfb2jjH29oAAAAH\n\
c3NoLXJzYQAAAIEAvepEJIrDhxICitIH9/z8Eovw1ryoVVFpatN32BcSTgySnCqdNN4i4u\n\
RUJjohlHwLVB69T18civLUviEXR3vw4UJwGzzk5+BT4yJqMsK5JyNxA8YfhW/ibi1vEMth\n\
JtWQ1VAabH8yAq1TpSCrecmo09Ze21cfyKUTGArVdkaFze0AAAADAQABAAAAgAtQKT8EBS\n\
HGsOAUIuVi7KEuNOqV0nFCqET00+7LcQu1NAaZg0Pi97EMaPbd/6IYwZQBQMW5pLmiPYoV\n\
7o0TlQW7yW8BJmO7/5QWoBuNjFZwp36GAMqg1GiuUZAhyXLk5aF+GcjzbRPSRHggRKwYIc\n\
AIMjwaFWOWOpjLr+NZKUMBAAAAQFmQiDFEE+V6hSBD93WnFlVGbPVfcK52kIqUKCKAwAOC\n\
LEb1P+6clg6Qt6FcY1QQHjlzlRgNKFa58oC+SMn2LNQAAABBAPNpG5BaR4Q4I2eAjx2lQC\n\
wS4ET3URA2P1xv3glnDrDLBzp8PuFOKWfQ8Hlw7UrYhvVFWpAD06SNgtCQ0nyna0sAAABB\n\
AMe82TWhY1nK9NTd9JXfLoH+t5ph3jwQR9Ff0xAJhmqCPQ2Iu3BhRm3ijHlGVAyYKI4Q0+\n\
eJOXxxtmOqeTpacKcAAAAAAQID\n\
-----END OPENSSH PRIVATE KEY-----\n";
