//! What the crate promises, from outside: facts of a file, places of a URI, and refusals.

#[cfg(test)]
mod inspect;
#[cfg(test)]
mod locate;
#[cfg(test)]
mod onnx;
