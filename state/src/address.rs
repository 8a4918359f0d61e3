//! Names of resource blocks and of their instances, in Terraform's syntax.
//!
//! In: names that the configuration gave, or the text of an address. Out: values that compare in natural order
//! (numbers numerically) and print to text that reads back to the same value. Never: a panic on hostile text, or
//! an address whose text means another one.

use std::fmt::{self, Display, Formatter, Write as _};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest text of an address, in bytes. Terraform has no limit; 16 KiB holds 60 nested modules with keys of 250
/// bytes, and keeps a hostile state from costing more to name than to hold.
pub const ADDRESS_BYTES_MAX: usize = 16 * 1024;

/// Which copy an instance is: a position made by `count`, or a name made by `for_each`.
///
/// Positions sort before names, positions by number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// `[0]`, from `count`.
    Index(u64),
    /// `["eu"]`, from `for_each`.
    Name(Arc<str>),
}

/// One step down the tree of modules: `module.name` or `module.name[key]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleStep {
    /// Name of the `module` block.
    pub name: Arc<str>,
    /// Which copy of it, if it has `count` or `for_each`.
    pub key: Option<Key>,
}

/// An instance of a module: the steps from the root. The root itself has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleAddress(Vec<ModuleStep>);

impl ModuleAddress {
    /// The root module.
    pub fn root() -> Self {
        Self::default()
    }

    /// Whether this is the root module.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The instance of the module `name` that this module calls.
    #[must_use]
    pub fn child(&self, name: impl Into<Arc<str>>, key: Option<Key>) -> Self {
        let mut steps = self.0.clone();
        steps.push(ModuleStep { name: name.into(), key });
        Self(steps)
    }

    /// The steps from the root down.
    pub fn steps(&self) -> &[ModuleStep] {
        &self.0
    }

    /// The path without keys: where the module's blocks are written.
    pub fn block(&self) -> Vec<Arc<str>> {
        self.0.iter().map(|step| Arc::clone(&step.name)).collect()
    }
}

/// Whether a block makes objects or only reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// A `resource` block.
    Managed,
    /// A `data` block.
    Data,
}

/// A `resource` or `data` block in configuration, whatever number of instances it has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockAddress {
    /// Names of the modules from the root down, without keys.
    pub module: Vec<Arc<str>>,
    /// `resource` or `data`.
    pub mode: Mode,
    /// Type, such as `local_file`.
    pub type_name: Arc<str>,
    /// Name that the block has in its module.
    pub name: Arc<str>,
}

/// One instance of a block: what an object is kept under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The instance of the module that the block stands in.
    pub module: ModuleAddress,
    /// `resource` or `data`.
    pub mode: Mode,
    /// Type, such as `local_file`.
    pub type_name: Arc<str>,
    /// Name that the block has in its module.
    pub name: Arc<str>,
    /// Which copy, if the block has `count` or `for_each`.
    pub key: Option<Key>,
}

impl Address {
    /// The block that this is an instance of.
    pub fn block(&self) -> BlockAddress {
        BlockAddress {
            module: self.module.block(),
            mode: self.mode,
            type_name: Arc::clone(&self.type_name),
            name: Arc::clone(&self.name),
        }
    }
}

/// Why a text is not an address. `at` counts bytes from the start of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Longer than [`ADDRESS_BYTES_MAX`].
    #[error("an address of {bytes} bytes is longer than the {ADDRESS_BYTES_MAX} allowed")]
    TooLong {
        /// Length of the text.
        bytes: usize,
    },
    /// A name was due and something else stands there.
    #[error("expected {what} at byte {at}")]
    Expected {
        /// What was due, in words.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// A word of the syntax stands where a type is due.
    #[error("`{word}` at byte {at} is a word of the syntax and cannot be a resource type")]
    Reserved {
        /// The word.
        word: &'static str,
        /// Where.
        at: usize,
    },
    /// The number between brackets is no number below 2^64, or begins with a zero.
    #[error("the number at byte {at} is not a plain number below 2^64")]
    Number {
        /// Where the number begins.
        at: usize,
    },
    /// An escape in a quoted key is unknown or names no character.
    #[error("the escape at byte {at} is not one of \\n, \\r, \\t, \\\", \\\\, \\uXXXX, \\UXXXXXXXX")]
    Escape {
        /// Where the backslash stands.
        at: usize,
    },
    /// A quoted key begins a template.
    #[error("the template at byte {at} must be doubled to be plain text: `$${{` or `%%{{`")]
    Template {
        /// Where the `${` or `%{` stands.
        at: usize,
    },
    /// A quoted key has no closing quote before the end, or holds a control character.
    #[error("the quoted key that begins at byte {at} has no end, or holds a raw control character")]
    Quote {
        /// Where the opening quote stands.
        at: usize,
    },
    /// A block's address holds a key.
    #[error("the key at byte {at} does not belong in the address of a block")]
    KeyInBlock {
        /// Where the bracket stands.
        at: usize,
    },
    /// Text is left over after a whole address.
    #[error("unexpected text at byte {at}, after the address")]
    Trailing {
        /// Where the rest begins.
        at: usize,
    },
}

impl Display for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Name(name) => write_quoted(f, name),
        }
    }
}

/// Writes `["name"]` with the escapes of HCL, so that no key looks like syntax, a template or a terminal's command.
fn write_quoted(f: &mut Formatter<'_>, name: &str) -> fmt::Result {
    f.write_str("[\"")?;
    for (at, c) in name.char_indices() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '$' | '%' => {
                f.write_char(c)?;
                // `c` is one byte long, so what follows it begins one byte later.
                if name.get(at + 1..).is_some_and(|rest| rest.starts_with('{')) {
                    f.write_char(c)?;
                }
            }
            c if is_unprintable(c) && u32::from(c) < 0x1_0000 => write!(f, "\\u{:04x}", u32::from(c))?,
            c if is_unprintable(c) => write!(f, "\\U{:08x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_str("\"]")
}

/// Whether a character is written as an escape: controls, spaces other than the plain one, and what changes how the
/// text around it looks (direction, width, tags). A fixed list, so that the text does not change with Unicode.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{a0}' | '\u{ad}' | '\u{61c}' | '\u{1680}' | '\u{180e}' | '\u{2000}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{3000}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

impl Display for ModuleAddress {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}module.{}", step.name)?;
            if let Some(key) = &step.key {
                key.fmt(f)?;
            }
        }
        Ok(())
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.module.is_root() {
            write!(f, "{}.", self.module)?;
        }
        if self.mode == Mode::Data {
            f.write_str("data.")?;
        }
        write!(f, "{}.{}", self.type_name, self.name)?;
        self.key.as_ref().map_or(Ok(()), |key| key.fmt(f))
    }
}

impl Display for BlockAddress {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for name in &self.module {
            write!(f, "module.{name}.")?;
        }
        if self.mode == Mode::Data {
            f.write_str("data.")?;
        }
        write!(f, "{}.{}", self.type_name, self.name)
    }
}

/// The word that begins a module step; no resource type is called so.
const MODULE: &str = "module";
/// The word that begins a `data` block's address; no resource type is called so.
const DATA: &str = "data";

impl FromStr for ModuleAddress {
    type Err = AddressError;

    /// Reads `module.a["x"].module.b[0]`. The empty text is the root.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut reader = Reader::new(text)?;
        if text.is_empty() {
            return Ok(Self::root());
        }
        let module = reader.modules()?;
        if reader.at == text.len() { Ok(module) } else { Err(AddressError::Trailing { at: reader.at }) }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads `module.a["x"].data.t.n[0]`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut reader = Reader::new(text)?;
        let module = reader.modules()?;
        if !module.is_root() {
            reader.dot("`.` and a resource type")?;
        }
        let (mode, type_name, name) = reader.resource()?;
        let key = reader.key()?;
        reader.end()?;
        Ok(Self { module, mode, type_name, name, key })
    }
}

impl FromStr for BlockAddress {
    type Err = AddressError;

    /// Reads `module.a.data.t.n`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut reader = Reader::new(text)?;
        let mut module = Vec::new();
        while reader.word_is(MODULE) {
            reader.at += MODULE.len();
            reader.dot("`.` and a module's name")?;
            module.push(reader.name("a module's name")?);
            reader.no_key()?;
            reader.dot("`.` and a resource type")?;
        }
        let (mode, type_name, name) = reader.resource()?;
        reader.no_key()?;
        reader.end()?;
        Ok(Self { module, mode, type_name, name })
    }
}

/// Whether `name` can stand in an address and be read back.
///
/// ASCII as in HCL; beyond ASCII everything that is neither space nor control, which is more than HCL takes, so that
/// no name that the configuration's reader accepts is refused here.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(is_name_start) && name.chars().all(is_name_part)
}

fn is_name_start(c: char) -> bool {
    c == '_' || if c.is_ascii() { c.is_ascii_alphabetic() } else { !c.is_whitespace() && !c.is_control() }
}

fn is_name_part(c: char) -> bool {
    c == '-' || c.is_ascii_digit() || is_name_start(c)
}

impl Address {
    /// Whether the text of this address reads back as this address: its names are names, its type is no word of
    /// the syntax, and it is short enough.
    pub fn is_readable(&self) -> bool {
        let steps = self.module.steps().iter().map(|step| &step.name);
        let reserved = self.mode == Mode::Managed && matches!(&*self.type_name, MODULE | DATA);
        !reserved
            && steps.chain([&self.type_name, &self.name]).all(|name| is_name(name))
            && self.to_string().len() <= ADDRESS_BYTES_MAX
    }
}

impl BlockAddress {
    /// Whether the text of this address reads back as this address, as [`Address::is_readable`].
    pub fn is_readable(&self) -> bool {
        let reserved = self.mode == Mode::Managed && matches!(&*self.type_name, MODULE | DATA);
        !reserved
            && self.module.iter().chain([&self.type_name, &self.name]).all(|name| is_name(name))
            && self.to_string().len() <= ADDRESS_BYTES_MAX
    }
}

/// Reads an address from left to right. `at` is always at the start of a character.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Result<Self, AddressError> {
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(AddressError::TooLong { bytes: text.len() });
        }
        Ok(Self { text, at: 0 })
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The name that begins here; empty if none does.
    fn peek_name(&self) -> &'a str {
        let rest = self.rest();
        if !rest.starts_with(is_name_start) {
            return "";
        }
        let end = rest.find(|c| !is_name_part(c)).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    fn word_is(&self, word: &str) -> bool {
        self.peek_name() == word
    }

    fn name(&mut self, what: &'static str) -> Result<Arc<str>, AddressError> {
        let name = self.peek_name();
        if name.is_empty() {
            return Err(AddressError::Expected { what, at: self.at });
        }
        self.at += name.len();
        Ok(name.into())
    }

    fn dot(&mut self, what: &'static str) -> Result<(), AddressError> {
        if !self.rest().starts_with('.') {
            return Err(AddressError::Expected { what, at: self.at });
        }
        self.at += 1;
        Ok(())
    }

    fn end(&self) -> Result<(), AddressError> {
        if self.rest().is_empty() { Ok(()) } else { Err(AddressError::Trailing { at: self.at }) }
    }

    fn no_key(&self) -> Result<(), AddressError> {
        if self.rest().starts_with('[') { Err(AddressError::KeyInBlock { at: self.at }) } else { Ok(()) }
    }

    /// The module steps that begin here, up to but without the dot after the last.
    fn modules(&mut self) -> Result<ModuleAddress, AddressError> {
        let mut steps = Vec::new();
        while self.word_is(MODULE) {
            self.at += MODULE.len();
            self.dot("`.` and a module's name")?;
            let name = self.name("a module's name")?;
            steps.push(ModuleStep { name, key: self.key()? });
            if !self.rest().starts_with(".module.") {
                break;
            }
            self.at += 1;
        }
        Ok(ModuleAddress(steps))
    }

    fn resource(&mut self) -> Result<(Mode, Arc<str>, Arc<str>), AddressError> {
        let mode = if self.word_is(DATA) {
            self.at += DATA.len();
            self.dot("`.` and a data source's type")?;
            Mode::Data
        } else if self.word_is(MODULE) {
            return Err(AddressError::Reserved { word: MODULE, at: self.at });
        } else {
            Mode::Managed
        };
        let type_name = self.name("a resource type")?;
        self.dot("`.` and a resource's name")?;
        let name = self.name("a resource's name")?;
        Ok((mode, type_name, name))
    }

    fn key(&mut self) -> Result<Option<Key>, AddressError> {
        if !self.rest().starts_with('[') {
            return Ok(None);
        }
        self.at += 1;
        let key = if self.rest().starts_with('"') {
            Key::Name(self.quoted()?.into())
        } else {
            Key::Index(self.number()?)
        };
        if !self.rest().starts_with(']') {
            return Err(AddressError::Expected { what: "`]`", at: self.at });
        }
        self.at += 1;
        Ok(Some(key))
    }

    fn number(&mut self) -> Result<u64, AddressError> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest.get(..end).unwrap_or_default();
        if digits.is_empty() {
            return Err(AddressError::Expected { what: "a number or a quoted key", at: self.at });
        }
        let plain = digits == "0" || !digits.starts_with('0');
        let number = digits.parse().ok().filter(|_| plain).ok_or(AddressError::Number { at: self.at })?;
        self.at += end;
        Ok(number)
    }

    /// The text between the quotes that begin here.
    fn quoted(&mut self) -> Result<String, AddressError> {
        let open = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let Some(c) = rest.chars().next().filter(|c| !c.is_control()) else {
                return Err(AddressError::Quote { at: open });
            };
            match c {
                '"' => {
                    self.at += 1;
                    return Ok(text);
                }
                '\\' => text.push(self.escape()?),
                '$' | '%' => {
                    let run = rest.len() - rest.trim_start_matches(c).len();
                    let template = rest.get(run..).is_some_and(|after| after.starts_with('{'));
                    if template && run == 1 {
                        return Err(AddressError::Template { at: self.at });
                    }
                    // Before a brace the last sign is doubled, and only there.
                    text.extend(std::iter::repeat_n(c, if template { run - 1 } else { run }));
                    self.at += run;
                }
                c => {
                    text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, AddressError> {
        let at = self.at;
        let letter = self.rest().chars().nth(1).ok_or(AddressError::Escape { at })?;
        let plain = match letter {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '"' | '\\' => letter,
            'u' => return self.code(4),
            'U' => return self.code(8),
            _ => return Err(AddressError::Escape { at }),
        };
        self.at += 2;
        Ok(plain)
    }

    /// The character that `digits` hexadecimal digits after the escape's letter name.
    fn code(&mut self, digits: usize) -> Result<char, AddressError> {
        let bad = AddressError::Escape { at: self.at };
        let text = self.rest().get(2..2 + digits).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = text.and_then(|text| u32::from_str_radix(text, 16).ok()).and_then(char::from_u32);
        self.at += 2 + digits;
        code.ok_or(bad)
    }
}

/// Text on the outside, the type inside: for each kind of address.
macro_rules! serde_as_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl serde::de::Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                        f.write_str("an address")
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }
    )*};
}

serde_as_text!(ModuleAddress, BlockAddress, Address);
