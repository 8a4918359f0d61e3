//! Ranges of addresses: `cidrhost`, `cidrnetmask`, `cidrsubnet`, `cidrsubnets`.
//!
//! Goes in: ranges such as `10.0.0.0/8`, leading zeros allowed as in Terraform, and numbers. Comes out: addresses and
//! ranges, written as Go writes them.

use super::string::string;
use super::{
    Call, CallError, Function, Param, arg, argument, failed, list_of_string_result, string_result, text,
    whole,
};
use crate::lang::value::{Type, Value};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bits by which `cidrsubnets` lengthens a prefix at most: Terraform's limit.
const NEW_BITS_MAX: i64 = 32;

const PREFIX: Param = Param::string("prefix");

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "cidrhost",
        &[PREFIX, Param::number("hostnum")],
        "The address of a host in a range, by its number; a negative one counts from the end.",
        string_result,
        host,
    ),
    Function::new(
        "cidrnetmask",
        &[PREFIX],
        "The netmask of a range of IPv4 addresses.",
        string_result,
        |args, _| {
            let range = range(args)?;
            if range.bits == 128 && !range.is_mapped() {
                return Err(argument(0, "addresses of IPv6 have no netmask"));
            }
            Ok(string(&shown(range.mask(), range.bits)))
        },
    ),
    Function::new(
        "cidrsubnet",
        &[PREFIX, Param::number("newbits"), Param::number("netnum")],
        "A part of a range: the prefix is longer by some bits, and they hold a number.",
        string_result,
        subnet,
    ),
    Function::new(
        "cidrsubnets",
        &[PREFIX],
        "Parts of a range, one after the other, each with a prefix that is longer by some bits.",
        list_of_string_result,
        subnets,
    )
    .variadic(Param::number("newbits")),
];

/// Addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    /// The first address, as a number.
    first: u128,
    /// Bits that are the same.
    prefix: u32,
    /// Bits of an address: 32 or 128.
    bits: u32,
}

impl Range {
    fn mask(self) -> u128 {
        let all = ones(self.bits);
        all & !ones(self.bits - self.prefix)
    }

    /// Whether its first address is one of IPv4 that is written as one of IPv6.
    fn is_mapped(self) -> bool {
        self.bits == 128 && Ipv6Addr::from_bits(self.first).to_ipv4_mapped().is_some()
    }

    /// The first address with the bits of a number set in it at `shift`, as Terraform sets them: of a negative number
    /// as if it had ever more bits, and what comes out without its sign. Nothing if the result has more bits than an
    /// address.
    fn with(self, negative: bool, magnitude: u128, shift: u32) -> Option<u128> {
        if magnitude == 0 {
            return Some(self.first);
        }
        let shifted = magnitude.checked_shl(shift).filter(|shifted| shifted >> shift == magnitude)?;
        let set = if negative {
            Some((shifted.wrapping_neg() | self.first).wrapping_neg()).filter(|set| *set != 0)?
        } else {
            shifted | self.first
        };
        Some(set).filter(|set| *set <= ones(self.bits))
    }

    /// As Go writes it: of addresses of IPv4 that are written as those of IPv6, the prefix counts from their own first
    /// bit.
    fn shown(self) -> String {
        let prefix = if self.is_mapped() { self.prefix.saturating_sub(96) } else { self.prefix };
        format!("{}/{prefix}", shown(self.first, self.bits))
    }
}

/// So many bits that are 1.
fn ones(bits: u32) -> u128 {
    if bits >= 128 { u128::MAX } else { (1 << bits) - 1 }
}

/// An address as Go writes it: one of IPv4 that is written as one of IPv6 is written as one of IPv4.
fn shown(address: u128, bits: u32) -> String {
    if bits == 32 {
        return Ipv4Addr::from_bits(u32::try_from(address).unwrap_or(u32::MAX)).to_string();
    }
    let address = Ipv6Addr::from_bits(address);
    address.to_ipv4_mapped().map_or_else(|| address.to_string(), |mapped| mapped.to_string())
}

fn range(args: &[Value]) -> Result<Range, CallError> {
    parse(text(args, 0)).ok_or_else(|| argument(0, "it is not a range of addresses, such as `10.0.0.0/8`"))
}

fn parse(text: &str) -> Option<Range> {
    let (address, prefix) = text.split_once('/')?;
    let address = without_leading_zeros(address);
    let (address, bits): (u128, u32) = match address.parse().ok()? {
        IpAddr::V4(address) => (address.to_bits().into(), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = prefix.parse::<u32>().ok().filter(|prefix| digits && *prefix <= bits)?;
    let range = Range { first: address, prefix, bits };
    Some(Range { first: address & range.mask(), ..range })
}

/// Terraform reads `010` in an address as 10.
fn without_leading_zeros(address: &str) -> String {
    let parts = address.split('.').map(|part| {
        let rest = part.trim_start_matches('0');
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || part.is_empty() {
            part
        } else if rest.is_empty() {
            "0"
        } else {
            rest
        }
    });
    if address.contains(':') { address.to_owned() } else { parts.collect::<Vec<_>>().join(".") }
}

/// The argument at `index` as a whole number of up to 127 bits.
fn large(args: &[Value], index: usize) -> Result<i128, CallError> {
    let number = arg(args, index).as_number().filter(|number| number.is_whole());
    let number = number.ok_or_else(|| argument(index, "it must be a whole number"))?;
    number.to_string().parse().map_err(|_| argument(index, "it is larger than any number of an address"))
}

/// The lowest 64 bits of a number: what Terraform looks at to see whether it is too large.
fn low(magnitude: u128) -> u64 {
    u64::try_from(magnitude & u128::from(u64::MAX)).unwrap_or(u64::MAX)
}

fn host(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let (range, number) = (range(args)?, large(args, 1)?);
    let last = ones(range.bits - range.prefix);
    // A negative number counts from the end.
    let host = if number < 0 { (number.unsigned_abs() - 1) ^ last } else { number.unsigned_abs() };
    // The lowest 64 bits are looked at as a number with a sign, so that 2^63 and more is never too large.
    let low = u128::try_from(low(host).cast_signed()).unwrap_or(0);
    let fits = if number < 0 { host <= last } else { low <= last };
    // Go takes an address of IPv4 that is written as one of IPv6 for one of 32 bits here.
    let shift = if range.is_mapped() { 96 } else { 0 };
    let address = range.with(false, host, shift).filter(|_| fits);
    let too_large = || failed(format!("a range with a prefix of {} bits has no host {number}", range.prefix));
    Ok(string(&shown(address.ok_or_else(too_large)?, range.bits)))
}

fn subnet(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let range = range(args)?;
    let (new_bits, number) = (whole(args, 1)?, large(args, 2)?);
    let prefix = i64::from(range.prefix).checked_add(new_bits).and_then(|prefix| u32::try_from(prefix).ok());
    let prefix = prefix.filter(|prefix| *prefix <= range.bits).ok_or_else(|| {
        let (prefix, bits) = (range.prefix, range.bits);
        argument(1, format!("a prefix of {prefix} bits cannot have {new_bits} more: an address has {bits}"))
    })?;
    let magnitude = number.unsigned_abs();
    let fits = u32::try_from(new_bits).map_or(true, |bits| u128::from(low(magnitude)) <= ones(bits));
    let first = range.with(number < 0, magnitude, range.bits - prefix).filter(|_| fits);
    let too_large = || argument(2, format!("{new_bits} bits do not hold the number {number}"));
    Ok(string(&Range { first: first.ok_or_else(too_large)?, prefix, ..range }.shown()))
}

fn subnets(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let range = range(args)?;
    if range.first == 0 || range.is_mapped() {
        // In Terraform the first part comes after the range before this one, which is not there.
        let why = "a range that begins at the first of all addresses, or has those of IPv4 written as IPv6, has no parts";
        return if args.len() > 1 { Err(argument(0, why)) } else { Ok(Value::list(Type::String, [])) };
    }
    // Where the next part may begin: an offset into the range, or nothing when the range is used up.
    let mut next = Some(0_u128);
    let mut parts = Vec::new();
    for index in 1..args.len() {
        let new_bits = whole(args, index)?;
        if !(1..=NEW_BITS_MAX).contains(&new_bits) {
            return Err(argument(index, format!("a prefix can be longer by 1 to {NEW_BITS_MAX} bits")));
        }
        let prefix = range.prefix + u32::try_from(new_bits).unwrap_or(0);
        if prefix > range.bits {
            return Err(argument(
                index,
                format!("a prefix cannot have {prefix} bits: an address has {}", range.bits),
            ));
        }
        let rest = ones(range.bits - prefix);
        let used_up = || {
            argument(index, format!("the range has no room left for a part with a prefix of {prefix} bits"))
        };
        let offset = next.and_then(|next| next.checked_add(rest)).map(|end| end & !rest);
        let offset =
            offset.filter(|offset| *offset <= ones(range.bits - range.prefix)).ok_or_else(used_up)?;
        next = offset.checked_add(rest).and_then(|end| end.checked_add(1));
        parts.push(string(&Range { first: range.first | offset, prefix, ..range }.shown()));
    }
    Ok(Value::list(Type::String, parts))
}

#[cfg(test)]
mod tests;
