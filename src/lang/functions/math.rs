//! Logarithm, exponential and power with the bits that Go's `math` gives on amd64, since results are printed to the
//! last digit and libraries differ in it.

/// Natural logarithm. FreeBSD's `e_log.c`, in the order of operations of Go.
#[expect(clippy::many_single_char_names, reason = "the names of the source")]
pub(super) fn log(x: f64) -> f64 {
    const LN2_HI: f64 = 6.931_471_803_691_238e-1;
    const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
    const L: [f64; 7] = [
        6.666_666_666_666_735e-1,
        3.999_999_999_940_942e-1,
        2.857_142_874_366_239e-1,
        2.222_219_843_214_978_4e-1,
        1.818_357_216_161_805e-1,
        1.531_383_769_920_937_3e-1,
        1.479_819_860_511_658_6e-1,
    ];
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    let (mut fraction, mut exponent) = split(x);
    if fraction < std::f64::consts::FRAC_1_SQRT_2 {
        fraction *= 2.0;
        exponent -= 1;
    }
    let (f, k) = (fraction - 1.0, f64::from(exponent));
    let s = f / (2.0 + f);
    let s2 = s * s;
    let s4 = s2 * s2;
    let [l1, l2, l3, l4, l5, l6, l7] = L;
    let t1 = s2 * (l1 + s4 * (l3 + s4 * (l5 + s4 * l7)));
    let t2 = s4 * (l2 + s4 * (l4 + s4 * l6));
    let r = t1 + t2;
    let half = 0.5 * f * f;
    k * LN2_HI - ((half - (s * (half + r) + k * LN2_LO)) - f)
}

/// `e^x` for results that are neither too large nor too small. N. Shibata, "Efficient evaluation methods of elementary
/// functions suitable for SIMD computation" (2010), with the fused operations that Go uses on amd64.
fn exp(x: f64) -> f64 {
    const LN2_UPPER: f64 = 0.693_147_180_559_662_956_511_601_805_686_950_683_593_75;
    const LN2_LOWER: f64 = 0.282_352_905_630_315_771_225_884_481_750_134_360_255_254_120_68e-12;
    const TAYLOR: [f64; 7] = [
        2.480_158_730_158_73e-5,
        1.984_126_984_126_984e-4,
        1.388_888_888_888_889e-3,
        8.333_333_333_333_333e-3,
        4.166_666_666_666_666_4e-2,
        1.666_666_666_666_666_6e-1,
        0.5,
    ];
    let turns = (x * std::f64::consts::LOG2_E).round_ties_even();
    let rest = (-LN2_UPPER).mul_add(turns, x);
    let rest = (-LN2_LOWER).mul_add(turns, rest) * 0.0625;
    let mut sum = 0.0;
    for (at, coefficient) in TAYLOR.into_iter().enumerate() {
        sum = if at == 0 { coefficient } else { f64::mul_add(sum, rest, coefficient) };
    }
    sum = f64::mul_add(sum, rest, 1.0);
    // Four times (1 + r)^2 - 1 = r (r + 2), the last time with the 1.
    let mut result = rest * sum;
    for _ in 0..3 {
        result *= result + 2.0;
    }
    result = f64::mul_add(result, result + 2.0, 1.0);
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of a double")]
    scale(result, turns as i32)
}

/// `x^y`.
pub(super) fn pow(x: f64, y: f64) -> f64 {
    if let Some(special) = pow_special(x, y) {
        return special;
    }
    let (mut whole, mut part) = (y.abs().trunc(), y.abs().fract());
    if part != 0.0 && x < 0.0 {
        return f64::NAN;
    }
    if whole >= 9.223_372_036_854_776e18 {
        // A whole number of that size is even.
        return pow_special(x, f64::INFINITY.copysign(y)).unwrap_or(f64::NAN);
    }
    let (mut result, mut result_exponent) = (1.0, 0i32);
    if part != 0.0 {
        if part > 0.5 {
            part -= 1.0;
            whole += 1.0;
        }
        result = exp(part * log(x));
    }
    let (mut square, mut square_exponent) = split(x);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let mut bits = whole as u64;
    while bits != 0 {
        if !(-(1 << 12)..=1 << 12).contains(&square_exponent) {
            // Too large or too small whatever follows.
            result_exponent = result_exponent.saturating_add(square_exponent);
            break;
        }
        if bits & 1 == 1 {
            result *= square;
            result_exponent += square_exponent;
        }
        square *= square;
        square_exponent <<= 1;
        if square < 0.5 {
            square += square;
            square_exponent -= 1;
        }
        bits >>= 1;
    }
    if y < 0.0 {
        result = 1.0 / result;
        result_exponent = -result_exponent;
    }
    scale(result, result_exponent)
}

#[expect(clippy::float_cmp, reason = "these arguments have exact results")]
fn pow_special(x: f64, y: f64) -> Option<f64> {
    let odd = y.abs() < 9_007_199_254_740_992.0 && y.fract() == 0.0 && (y / 2.0).fract() != 0.0;
    match () {
        () if y == 0.0 || x == 1.0 => Some(1.0),
        () if y == 1.0 => Some(x),
        () if x.is_nan() || y.is_nan() => Some(f64::NAN),
        () if x == 0.0 && y < 0.0 => Some(if odd { f64::INFINITY.copysign(x) } else { f64::INFINITY }),
        () if x == 0.0 => Some(if odd { x } else { 0.0 }),
        () if y.is_infinite() && x == -1.0 => Some(1.0),
        () if y.is_infinite() => Some(if (x.abs() < 1.0) == (y > 0.0) { 0.0 } else { f64::INFINITY }),
        () if x == f64::NEG_INFINITY => Some(pow(-0.0, -y)),
        () if x.is_infinite() => Some(if y < 0.0 { 0.0 } else { f64::INFINITY }),
        () if y == 0.5 => Some(x.sqrt()),
        () if y == -0.5 => Some(1.0 / x.sqrt()),
        () => None,
    }
}

/// A finite number as a fraction in `[0.5, 1)` and a power of two.
fn split(x: f64) -> (f64, i32) {
    const MANTISSA_BITS: u32 = 52;
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    // Below the smallest normal number there is no exponent to read.
    let (x, shift) = if x.abs() < f64::MIN_POSITIVE { (x * 2f64.powi(52), -52) } else { (x, 0) };
    let bits = x.to_bits();
    let exponent = i32::try_from((bits >> MANTISSA_BITS) & 0x7ff).unwrap_or(0) - 1022;
    let fraction = f64::from_bits(bits & !(0x7ff << MANTISSA_BITS) | 1022 << MANTISSA_BITS);
    (fraction, exponent + shift)
}

/// `fraction * 2^exponent`, rounded once.
fn scale(fraction: f64, exponent: i32) -> f64 {
    if fraction == 0.0 || !fraction.is_finite() {
        return fraction;
    }
    let (fraction, own) = split(fraction);
    let exponent = exponent.saturating_add(own);
    match exponent {
        1025.. => f64::INFINITY.copysign(fraction),
        -1020..=1024 => fraction * 2.0 * 2f64.powi(exponent - 1),
        -1075..=-1021 => fraction * 2f64.powi(-1000) * 2f64.powi(exponent + 1000),
        _ => 0.0f64.copysign(fraction),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "the last bit is what is tested")]
    fn results_are_gos_to_the_last_bit() {
        for (x, y, expected) in [
            (3.0, 2.0, 9.0),
            (2.0, 0.5, std::f64::consts::SQRT_2),
            (2.0, -1.0, 0.5),
            (10.0, 0.3, 1.995_262_314_968_879_7),
            (1.1, 10.5, 2.720_340_042_027_498),
            (-8.0, 3.0, -512.0),
            (2.0, 1023.0, 8.988_465_674_311_58e307),
            (2.0, 1024.0, f64::INFINITY),
            (2.0, -1074.0, 5e-324),
            (2.0, -1080.0, 0.0),
            (7.0, 0.1, 1.214_814_044_039_067),
            (0.5, -3.7, 12.996_038_341_699_771),
            (123.456, 2.5, 169_348.168_483_259_62),
            (0.0, -1.0, f64::INFINITY),
        ] {
            assert_eq!(pow(x, y), expected, "{x}^{y}");
        }
        assert_eq!(log(50.0) / log(10.0), 1.698_970_004_336_018_5);
        assert!(pow(-2.0, 0.5).is_nan());
    }
}
