//! Values to JSON and back, for what is stored: an attribute of a known type is bare JSON, one of type
//! [`Type::Any`] is `{"value": …, "type": …}` with cty's JSON form of the type, as Terraform's state has it.

use super::{Field, Kind, Number, Path, PathStep, Type, Value};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// A value that cannot be stored.
#[derive(Debug, Error, PartialEq)]
pub enum NotStorable {
    /// An unknown value would be stored.
    #[error("`{0}` is not known")]
    Unknown(Path),
    /// An ephemeral value would be stored.
    #[error("`{0}` is ephemeral and cannot be kept")]
    Ephemeral(Path),
}

/// JSON that is not of the type that it should be.
#[derive(Debug, Error, PartialEq)]
#[error("`{path}` should be {expected}")]
pub struct WrongJson {
    path: Path,
    expected: String,
}

/// The stored form of a value of type `ty`.
///
/// # Errors
/// If a part is unknown or ephemeral.
pub fn to_json(value: &Value, ty: &Type) -> Result<Json, NotStorable> {
    store(value, ty)
}

/// The stored form of a value of any type, with its type.
///
/// # Errors
/// If a part is unknown or ephemeral.
pub fn to_json_dynamic(value: &Value) -> Result<Json, NotStorable> {
    to_json(value, &Type::Any)
}

impl NotStorable {
    /// Seen from one level further out. Paths are put together only when something is wrong: nothing usually is.
    fn under(mut self, step: PathStep) -> Self {
        let (Self::Unknown(path) | Self::Ephemeral(path)) = &mut self;
        path.0.insert(0, step);
        self
    }
}

impl WrongJson {
    /// Seen from one level further out.
    fn under(mut self, step: PathStep) -> Self {
        self.path.0.insert(0, step);
        self
    }
}

fn store(value: &Value, ty: &Type) -> Result<Json, NotStorable> {
    if value.marks().contains(super::Marks::EPHEMERAL) {
        return Err(NotStorable::Ephemeral(Path::root()));
    }
    if matches!(ty, Type::Any) {
        if matches!(value.kind(), Kind::Null(Type::Any)) {
            return Ok(Json::Null);
        }
        let actual = value.ty();
        let mut tagged = Map::new();
        tagged.insert("value".into(), store_as(value, &actual)?);
        tagged.insert("type".into(), type_to_json(&actual));
        return Ok(Json::Object(tagged));
    }
    store_as(value, ty)
}

fn store_as(value: &Value, ty: &Type) -> Result<Json, NotStorable> {
    let items = |items: &[Value], element: &dyn Fn(usize) -> Type| {
        let stored = items
            .iter()
            .enumerate()
            .map(|(at, item)| store(item, &element(at)).map_err(|error| error.under(PathStep::Index(at))));
        stored.collect::<Result<Vec<_>, _>>().map(Json::Array)
    };
    match value.kind() {
        Kind::Null(_) => Ok(Json::Null),
        Kind::Unknown(..) => Err(NotStorable::Unknown(Path::root())),
        Kind::Bool(value) => Ok(Json::Bool(*value)),
        Kind::Number(number) => Ok(number_to_json(number)),
        Kind::String(text) => Ok(Json::String(text.to_string())),
        Kind::List(own, list) | Kind::Set(own, list) => {
            items(list, &|_| element_of(ty).unwrap_or(own).clone())
        }
        Kind::Tuple(list) => items(list, &|at| match ty {
            Type::Tuple(types) => types.get(at).cloned().unwrap_or(Type::Any),
            _ => element_of(ty).cloned().unwrap_or(Type::Any),
        }),
        Kind::Map(_, entries) | Kind::Object(entries) => {
            let mut object = Map::new();
            for (name, item) in entries.iter() {
                let field = match ty {
                    Type::Object(fields) => fields.get(name).map_or(Type::Any, |field| field.ty.clone()),
                    _ => element_of(ty).cloned().unwrap_or(Type::Any),
                };
                let stored =
                    store(item, &field).map_err(|error| error.under(PathStep::Name(name.clone())))?;
                object.insert(name.to_string(), stored);
            }
            Ok(Json::Object(object))
        }
    }
}

fn element_of(ty: &Type) -> Option<&Type> {
    match ty {
        Type::List(element) | Type::Set(element) | Type::Map(element) => Some(element),
        _ => None,
    }
}

/// A JSON number where one is exact, else a string with the exact digits (read back by [`from_json`]).
fn number_to_json(number: &Number) -> Json {
    if let Some(whole) = number.as_i64() {
        return Json::from(whole);
    }
    let exact = serde_json::Number::from_f64(number.as_f64())
        .filter(|json| Number::parse(&json.to_string()).as_ref() == Some(number));
    exact.map_or_else(|| Json::String(number.to_string()), Json::Number)
}

/// The value of a stored form.
///
/// # Errors
/// If the JSON is not of type `ty`; names the place.
pub fn from_json(json: &Json, ty: &Type) -> Result<Value, WrongJson> {
    let wrong = || WrongJson { path: Path::root(), expected: ty.to_string() };
    if json.is_null() {
        return Ok(Value::null_of(ty.clone()));
    }
    match (ty, json) {
        (Type::Any, Json::Object(tagged)) => {
            let (value, ty) = tagged.get("value").zip(tagged.get("type")).ok_or_else(wrong)?;
            from_json(value, &type_from_json(ty).ok_or_else(wrong)?)
        }
        (Type::Bool, Json::Bool(value)) => Ok(Value::bool(*value)),
        (Type::Number, Json::Number(number)) => {
            Number::parse(&number.to_string()).map(Value::number).ok_or_else(wrong)
        }
        (Type::Number, Json::String(digits)) => Number::parse(digits).map(Value::number).ok_or_else(wrong),
        (Type::String, Json::String(text)) => Ok(Value::string(text.as_str())),
        (Type::List(element), Json::Array(items)) => {
            Ok(Kind::List((**element).clone(), load_items(items, element)?).into())
        }
        (Type::Set(element), Json::Array(items)) => {
            Ok(Kind::Set((**element).clone(), load_items(items, element)?).into())
        }
        (Type::Tuple(types), Json::Array(items)) if types.len() == items.len() => {
            let loaded = types.iter().zip(items).enumerate();
            let loaded = loaded.map(|(at, (ty, item))| load_item(at, item, ty));
            Ok(Value::tuple(loaded.collect::<Result<Vec<_>, _>>()?))
        }
        (Type::Map(element), Json::Object(entries)) => {
            let mut map = BTreeMap::new();
            for (name, item) in entries {
                let name: Arc<str> = name.as_str().into();
                let loaded = load_entry(&name, item, element)?;
                map.insert(name, loaded);
            }
            Ok(Value::map((**element).clone(), map))
        }
        (Type::Object(fields), Json::Object(entries)) => {
            object_from_json(entries, fields.iter().map(|(name, field)| (name, &field.ty)))
        }
        _ => Err(wrong()),
    }
}

/// The object of the stored form of its attributes. What is not there is null, what has no type is left out.
///
/// # Errors
/// If an attribute is not of its type; names the place.
pub fn object_from_json<'t>(
    entries: &Map<String, Json>,
    types: impl IntoIterator<Item = (&'t Arc<str>, &'t Type)>,
) -> Result<Value, WrongJson> {
    let loaded = types.into_iter().map(|(name, ty)| {
        let item = entries.get(name.as_ref()).unwrap_or(&Json::Null);
        Ok((name.clone(), load_entry(name, item, ty)?))
    });
    loaded.collect::<Result<BTreeMap<_, _>, _>>().map(Value::object)
}

fn load_entry(name: &Arc<str>, item: &Json, ty: &Type) -> Result<Value, WrongJson> {
    from_json(item, ty).map_err(|error| error.under(PathStep::Name(name.clone())))
}

fn load_item(at: usize, item: &Json, ty: &Type) -> Result<Value, WrongJson> {
    from_json(item, ty).map_err(|error| error.under(PathStep::Index(at)))
}

fn load_items(items: &[Json], element: &Type) -> Result<Arc<[Value]>, WrongJson> {
    items.iter().enumerate().map(|(at, item)| load_item(at, item, element)).collect()
}

/// cty's JSON form of a type: `"string"`, `["list","number"]`, `["object",{"a":"bool"}]`, `"dynamic"`.
pub fn type_to_json(ty: &Type) -> Json {
    let of = |name: &str, inner: Json| Json::Array(vec![name.into(), inner]);
    match ty {
        Type::Any => "dynamic".into(),
        Type::Bool => "bool".into(),
        Type::Number => "number".into(),
        Type::String => "string".into(),
        Type::List(element) => of("list", type_to_json(element)),
        Type::Set(element) => of("set", type_to_json(element)),
        Type::Map(element) => of("map", type_to_json(element)),
        Type::Tuple(types) => of("tuple", Json::Array(types.iter().map(type_to_json).collect())),
        Type::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| (name.to_string(), type_to_json(&field.ty)));
            of("object", Json::Object(fields.collect()))
        }
    }
}

/// The type of cty's JSON form; nothing if it is not one.
pub fn type_from_json(json: &Json) -> Option<Type> {
    if let Some(name) = json.as_str() {
        return match name {
            "dynamic" => Some(Type::Any),
            "bool" => Some(Type::Bool),
            "number" => Some(Type::Number),
            "string" => Some(Type::String),
            _ => None,
        };
    }
    let [kind, inner] = json.as_array()?.as_slice() else { return None };
    match kind.as_str()? {
        "list" => Some(Type::list(type_from_json(inner)?)),
        "set" => Some(Type::set(type_from_json(inner)?)),
        "map" => Some(Type::map(type_from_json(inner)?)),
        "tuple" => {
            let types = inner.as_array()?.iter().map(type_from_json).collect::<Option<Vec<_>>>()?;
            Some(Type::Tuple(types.into()))
        }
        "object" => {
            let mut fields = BTreeMap::new();
            for (name, ty) in inner.as_object()? {
                fields.insert(Arc::from(name.as_str()), Field { ty: type_from_json(ty)?, optional: false });
            }
            Some(Type::Object(Arc::new(fields)))
        }
        _ => None,
    }
}
