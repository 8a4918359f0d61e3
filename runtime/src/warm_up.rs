//! The first runs of a model: they show that it runs, and how requests may share a run.
//!
//! In: a loaded session. Out: how its rows are batched, and an answer to look at. Never: rows of different callers in
//! one run where that changes what one of them is answered.

use half::{bf16, f16};

use crate::answer::Outputs;
use crate::batch::{Batching, in_parts};
use crate::request::{Inputs, Port, Taking};
use crate::session::{Session, SessionError, Signature};
use crate::tensor::{Data, Element, Tensor, product};

/// Length of a dimension that the model leaves open.
const OPEN_LENGTH: usize = 1;
/// Numbers in the tensors of a warm-up at most; a model that takes more is warmed up by its first request.
const NUMBERS_MAX: usize = 64 * 1024 * 1024;
/// How much of a number may depend on what else is in the batch: operators add up in another order then.
const TOLERANCE: f64 = 1e-3;
/// Size of a number below which that is judged as if it were this large.
const SMALL: f64 = 0.05;
/// How many times larger, and of the other sign, the numbers of the neighbour are.
const LARGER: f32 = -1000.0;

/// What the first runs showed.
pub(crate) struct WarmUp {
    pub(crate) batching: Batching,
    /// What the model was asked; none where it took nothing that was made up.
    pub(crate) asked: Option<Inputs>,
    /// The answer to it; empty where there is none.
    pub(crate) outputs: Outputs,
}

/// Runs the model on rows of its own.
///
/// # Errors
/// The session's, from the run with a single row.
pub(crate) fn run(session: &mut Session, taking: &Taking) -> Result<WarmUp, SessionError> {
    let (one, outputs) = once(session, taking)?;
    let batching = match declared(session.signature()) {
        Batching::Merged if shares(session, taking, &one, &outputs)? => Batching::Merged,
        Batching::Exactly(size) if outputs.has_rows(size) => {
            in_parts(session, &one, 1, size, &mut || true)?;
            Batching::Exactly(size)
        }
        // Each request by itself is right for every model.
        Batching::Merged | Batching::Exactly(_) | Batching::Alone => Batching::Alone,
    };
    Ok(WarmUp { batching, asked: Some(one), outputs })
}

/// Runs the model a single time; what it was given, and what it answered.
///
/// # Errors
/// The session's.
pub(crate) fn once(session: &mut Session, taking: &Taking) -> Result<(Inputs, Outputs), SessionError> {
    let rows = match declared(session.signature()) {
        Batching::Exactly(rows) => rows,
        Batching::Merged | Batching::Alone => 1,
    };
    let one = inputs(taking, rows, Kind::Small)?;
    let outputs = session.run(&one)?;
    Ok((one, outputs))
}

/// What made-up rows are like.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Small numbers, which are in range for whatever they stand for.
    Small,
    /// Numbers beyond the range of small ones, so that whatever is taken over all rows of a run shows.
    Large,
}

fn inputs(taking: &Taking, rows: usize, kind: Kind) -> Result<Inputs, SessionError> {
    let tensor = |port: &Port| filled(port, taking, rows, kind);
    let inputs: Option<Inputs> = taking.inputs.iter().map(tensor).collect();
    inputs.ok_or_else(|| SessionError::Unsupported("its input is too large".to_owned()))
}

/// How rows are batched by what the model says of its shapes.
pub(crate) fn declared(signature: &Signature) -> Batching {
    let first = |port: &Port| port.dims.first().copied();
    let mut firsts = signature.inputs.iter().map(first);
    let Some(Some(rows)) = firsts.next() else { return Batching::Alone };
    if firsts.any(|other| other != Some(rows)) {
        return Batching::Alone;
    }
    rows.map_or(Batching::Merged, |rows| Batching::Exactly(rows.max(1)))
}

/// Whether a row is answered between two others of far larger numbers as it is by itself, and they as well.
fn shares(
    session: &mut Session,
    taking: &Taking,
    one: &Inputs,
    answer: &Outputs,
) -> Result<bool, SessionError> {
    let large = inputs(taking, 1, Kind::Large)?;
    let Ok(outputs) = session.run(&large) else { return Ok(false) };
    if !answer.has_rows(1) || !outputs.has_rows(1) {
        return Ok(false);
    }
    let (one, large) = ((one.clone(), answer.clone()), (large, outputs));
    Ok(answered_together(session, &[large.clone(), one, large]))
}

/// Whether one run with all rows gives each the answer that it has.
fn answered_together(session: &mut Session, rows: &[(Inputs, Outputs)]) -> bool {
    let Some(((first, _), rest)) = rows.split_first() else { return false };
    let mut all = first.clone();
    let merged = rest.iter().all(|(row, _)| {
        all.len() == row.len() && all.iter_mut().zip(row.clone()).all(|(all, row)| all.append_rows(row))
    });
    if !merged {
        return false;
    }
    let Ok(together) = session.run(&all) else { return false };
    together.has_rows(rows.len())
        && rows.iter().enumerate().all(|(place, (_, alone))| {
            let pairs = together.tensors.iter().zip(&alone.tensors);
            pairs.into_iter().all(|(all, alone)| near(&all.slice_rows(place, place + 1), alone))
        })
}

fn near(one: &Tensor, other: &Tensor) -> bool {
    let (one_data, other_data) = (one.data(), other.data());
    if one.shape() != other.shape() {
        return false;
    }
    let close = |index: usize| match (one_data.number(index), other_data.number(index)) {
        (Some(a), Some(b)) => {
            a.total_cmp(&b).is_eq()
                || (a.is_nan() && b.is_nan())
                || (a - b).abs() <= TOLERANCE * (SMALL + a.abs().max(b.abs()))
        }
        _ => true,
    };
    (0..one_data.len()).all(close) && (one_data.element() != Element::Text || one_data == other_data)
}

/// Rows of this kind. Whole numbers stay 0 or 1, for they may be places in a table.
fn filled(port: &Port, taking: &Taking, rows: usize, kind: Kind) -> Option<Tensor> {
    let open = if taking.columns.is_empty() { OPEN_LENGTH } else { taking.columns.len() };
    let mut shape: Vec<usize> = port.dims.iter().map(|length| length.unwrap_or(open)).collect();
    if let (Some(first), Some(None)) = (shape.first_mut(), port.dims.first()) {
        *first = rows;
    }
    let count = product(&shape).filter(|count| *count <= NUMBERS_MAX)?;
    let (seed, factor) = match kind {
        Kind::Small => (0, 1.0),
        Kind::Large => (1, LARGER),
    };
    let whole = |index: usize| (index + seed) % 2;
    let eighths =
        |index: usize| f32::from(u8::try_from((index * 5 + seed * 3) % 8 + seed).unwrap_or(0)) / 8.0;
    let half = |index: usize| eighths(index) * factor;
    macro_rules! wholes {
        ($kind:ty) => {
            (0..count).map(|index| <$kind>::from(whole(index) == 1)).collect()
        };
    }
    let data = match port.element {
        Element::Bool => Data::Bool((0..count).map(|index| whole(index) == 1).collect()),
        Element::Uint8 => Data::Uint8(wholes!(u8)),
        Element::Uint16 => Data::Uint16(wholes!(u16)),
        Element::Uint32 => Data::Uint32(wholes!(u32)),
        Element::Uint64 => Data::Uint64(wholes!(u64)),
        Element::Int8 => Data::Int8(wholes!(i8)),
        Element::Int16 => Data::Int16(wholes!(i16)),
        Element::Int32 => Data::Int32(wholes!(i32)),
        Element::Int64 => Data::Int64(wholes!(i64)),
        Element::Half => Data::Half((0..count).map(|index| f16::from_f32(half(index))).collect()),
        Element::Bfloat => Data::Bfloat((0..count).map(|index| bf16::from_f32(half(index))).collect()),
        Element::Float => Data::Float((0..count).map(half).collect()),
        Element::Double => Data::Double((0..count).map(|index| f64::from(half(index))).collect()),
        Element::Text => Data::Text(vec![String::new(); count]),
    };
    Tensor::new(shape, data)
}
