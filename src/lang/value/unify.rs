//! The one type to which values of several types can be converted.

use super::{Field, Type};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether values of type `from` can be converted to `to`. Text that may turn out to be no number can.
pub fn convertible(from: &Type, to: &Type) -> bool {
    if matches!(from, Type::Any) || matches!(to, Type::Any) || from == to {
        return true;
    }
    match (from, to) {
        (Type::String, Type::Bool | Type::Number) | (Type::Bool | Type::Number, Type::String) => true,
        (Type::Object(from), Type::Object(to)) => to.iter().all(|(name, field)| {
            from.get(name).map_or(field.optional, |given| convertible(&given.ty, &field.ty))
        }),
        (Type::Map(element), Type::Object(to)) => {
            to.values().all(|field| field.optional || convertible(element, &field.ty))
        }
        (Type::Tuple(from), Type::Tuple(to)) => {
            from.len() == to.len() && from.iter().zip(to.iter()).all(|(from, to)| convertible(from, to))
        }
        (Type::List(from) | Type::Set(from), Type::List(to) | Type::Set(to))
        | (Type::Map(from), Type::Map(to)) => convertible(from, to),
        (Type::Tuple(from), Type::List(to) | Type::Set(to)) => all_convertible(from.iter(), to),
        (Type::Object(from), Type::Map(to)) => all_convertible(from.values().map(|field| &field.ty), to),
        _ => false,
    }
}

/// Whether parts of those types can be elements of one collection of elements of type `to`.
fn all_convertible<'a>(from: impl ExactSizeIterator<Item = &'a Type> + Clone, to: &Type) -> bool {
    if matches!(to, Type::Any) && from.len() > 0 {
        return unify(&from.cloned().collect::<Vec<_>>()).is_some();
    }
    from.clone().all(|from| convertible(from, to))
}

/// The type to which all of `types` can be converted, the most general of them that there is; nothing if there is none.
/// [`Type::Any`] if it cannot be known yet.
pub fn unify(types: &[Type]) -> Option<Type> {
    let [first, others @ ..] = types else { return None };
    if others.iter().all(|other| other == first) {
        return Some(first.without_optional());
    }
    let kinds = Kinds::of(types);
    if kinds.any && kinds.structured() && !kinds.primitives {
        return kinds.compatible().then_some(Type::Any);
    }
    match kinds {
        Kinds {
            maps: true,
            objects: false,
            lists: false,
            tuples: false,
            sets: false,
            primitives: false,
            ..
        } => {
            return unify_elements(types).map(Type::map);
        }
        Kinds {
            lists: true,
            tuples: false,
            maps: false,
            objects: false,
            sets: false,
            primitives: false,
            ..
        } => {
            return unify_elements(types).map(Type::list);
        }
        Kinds {
            sets: true,
            lists: false,
            tuples: false,
            maps: false,
            objects: false,
            primitives: false,
            ..
        } => {
            return unify_elements(types).map(Type::set);
        }
        Kinds {
            objects: true,
            maps: false,
            lists: false,
            tuples: false,
            sets: false,
            primitives: false,
            ..
        } => {
            return unify_objects(types);
        }
        Kinds {
            tuples: true,
            lists: false,
            maps: false,
            objects: false,
            sets: false,
            primitives: false,
            ..
        } => {
            return unify_tuples(types);
        }
        Kinds { objects: true, tuples: true, .. } => return None,
        _ => {}
    }
    as_collections(types, &kinds).or_else(|| most_general(types))
}

/// Which kinds of types there are among some.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each kind of type")]
struct Kinds {
    any: bool,
    primitives: bool,
    lists: bool,
    sets: bool,
    maps: bool,
    tuples: bool,
    objects: bool,
}

impl Kinds {
    fn of(types: &[Type]) -> Self {
        let mut kinds = Self::default();
        for ty in types {
            match ty {
                Type::Any => kinds.any = true,
                Type::Bool | Type::Number | Type::String => kinds.primitives = true,
                Type::List(_) => kinds.lists = true,
                Type::Set(_) => kinds.sets = true,
                Type::Map(_) => kinds.maps = true,
                Type::Tuple(_) => kinds.tuples = true,
                Type::Object(_) => kinds.objects = true,
            }
        }
        kinds
    }

    fn structured(&self) -> bool {
        self.lists || self.sets || self.maps || self.tuples || self.objects
    }

    /// Whether they could be one type: sequences do not become mappings.
    fn compatible(&self) -> bool {
        !((self.lists || self.sets || self.tuples) && (self.maps || self.objects))
    }
}

fn unify_elements(types: &[Type]) -> Option<Type> {
    unify(&types.iter().filter_map(Type::element).cloned().collect::<Vec<_>>())
}

/// Tuples beside lists are lists written out, and objects beside maps are maps.
fn as_collections(types: &[Type], kinds: &Kinds) -> Option<Type> {
    let only = |ty: &Type| match ty {
        Type::Tuple(_) | Type::List(_) => kinds.lists && kinds.tuples,
        Type::Object(_) | Type::Map(_) => kinds.maps && kinds.objects,
        _ => false,
    };
    if !types.iter().all(only) {
        return None;
    }
    let written: Vec<_> =
        types.iter().filter(|ty| matches!(ty, Type::Tuple(_) | Type::Object(_))).cloned().collect();
    let collection = if kinds.lists { tuples_as_list(&written)? } else { objects_as_map(&written)? };
    let all = types.iter().map(|ty| if ty.is_collection() { ty.clone() } else { collection.clone() });
    unify(&all.collect::<Vec<_>>())
}

fn unify_objects(types: &[Type]) -> Option<Type> {
    let fields: Vec<&Arc<BTreeMap<Arc<str>, Field>>> = types
        .iter()
        .filter_map(|ty| if let Type::Object(fields) = ty { Some(fields) } else { None })
        .collect();
    let first = *fields.first()?;
    if !fields.iter().all(|other| other.keys().eq(first.keys())) {
        return objects_as_map(types);
    }
    let mut unified = BTreeMap::new();
    for name in first.keys() {
        let across: Vec<_> =
            fields.iter().filter_map(|fields| fields.get(name)).map(|field| field.ty.clone()).collect();
        unified.insert(name.clone(), unify(&across)?);
    }
    Some(Type::object(unified))
}

fn objects_as_map(types: &[Type]) -> Option<Type> {
    let mut all = Vec::new();
    for ty in types {
        if let Type::Object(fields) = ty {
            all.extend(fields.values().map(|field| field.ty.clone()));
        }
    }
    let map = Type::map(unify(&all)?);
    types.iter().all(|ty| convertible(ty, &map)).then_some(map)
}

fn unify_tuples(types: &[Type]) -> Option<Type> {
    let items: Vec<&Arc<[Type]>> =
        types.iter().filter_map(|ty| if let Type::Tuple(items) = ty { Some(items) } else { None }).collect();
    let length = items.first()?.len();
    if items.iter().any(|other| other.len() != length) {
        return tuples_as_list(types);
    }
    let across = (0..length)
        .map(|at| unify(&items.iter().filter_map(|items| items.get(at)).cloned().collect::<Vec<_>>()));
    Some(Type::Tuple(across.collect::<Option<Vec<_>>>()?.into()))
}

fn tuples_as_list(types: &[Type]) -> Option<Type> {
    let mut all = Vec::new();
    for ty in types {
        if let Type::Tuple(items) = ty {
            all.extend(items.iter().cloned());
        }
    }
    let list = Type::list(unify(&all)?);
    types.iter().all(|ty| convertible(ty, &list)).then_some(list)
}

/// The first of them, most general first, to which all others can be converted.
fn most_general(types: &[Type]) -> Option<Type> {
    let mut distinct: Vec<&Type> = Vec::new();
    for ty in types {
        if !distinct.contains(&ty) {
            distinct.push(ty);
        }
    }
    let wanted = preference(&distinct);
    let mut wanted = wanted.into_iter().filter(|wanted| distinct.iter().all(|ty| convertible(ty, wanted)));
    wanted.next().map(Type::without_optional)
}

/// More general ones first, else in the order given.
fn preference<'a>(types: &[&'a Type]) -> Vec<&'a Type> {
    let mut left: Vec<&Type> = types.to_vec();
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let free = left.iter().position(|ty| !left.iter().any(|other| generality(other, ty).is_lt()));
        ordered.push(left.remove(free.unwrap_or(0)));
    }
    ordered
}

/// Less if `a` is the more general: strings of primitives, sets of lists, lists of tuples, maps of objects.
fn generality(a: &Type, b: &Type) -> Ordering {
    match (a, b) {
        (Type::Any, Type::Any) => Ordering::Equal,
        (Type::Any, _) => Ordering::Greater,
        (_, Type::Any) => Ordering::Less,
        (Type::String, Type::Bool | Type::Number)
        | (Type::Set(_), Type::List(_) | Type::Tuple(_))
        | (Type::List(_), Type::Tuple(_))
        | (Type::Map(_), Type::Object(_)) => match (a, b) {
            // As cty has it: a list is preferred to a set that it could become.
            (Type::Set(_), _) => Ordering::Greater,
            _ => Ordering::Less,
        },
        (Type::Bool | Type::Number, Type::String)
        | (Type::List(_) | Type::Tuple(_), Type::Set(_))
        | (Type::Tuple(_), Type::List(_))
        | (Type::Object(_), Type::Map(_)) => generality(b, a).reverse(),
        (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
            generality(a, b)
        }
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(fields: &[(&str, Type)]) -> Type {
        Type::object(fields.iter().map(|(name, ty)| (Arc::from(*name), ty.clone())))
    }

    fn tuple(items: &[Type]) -> Type {
        Type::Tuple(items.to_vec().into())
    }

    #[test]
    fn types_unify_as_terraform_unifies_them() {
        use Type::{Any, Bool, Number, String};
        let rows: &[(&[Type], Option<Type>)] = &[
            (&[], None),
            (&[Number], Some(Number)),
            (&[Number, String], Some(String)),
            (&[Bool, Number, String], Some(String)),
            (&[Bool, Number], None),
            (&[Any, Number], Some(Number)),
            (&[Any, Any], Some(Any)),
            (&[tuple(&[Number]), tuple(&[])], Some(Type::list(Number))),
            (&[tuple(&[Number]), tuple(&[String])], Some(tuple(&[String]))),
            (&[tuple(&[Number, Bool]), tuple(&[])], None),
            (&[tuple(&[Number]), Type::list(String)], Some(Type::list(String))),
            (&[Type::list(Number), Type::list(String)], Some(Type::list(String))),
            (&[Type::list(Number), Type::set(Number)], Some(Type::list(Number))),
            (&[object(&[("a", Number)]), object(&[("a", String)])], Some(object(&[("a", String)]))),
            (&[object(&[("a", Number)]), object(&[("b", String)])], Some(Type::map(String))),
            (&[object(&[("a", Number)]), object(&[])], Some(Type::map(Number))),
            (&[object(&[("a", Number)]), Type::map(String)], Some(Type::map(String))),
            (&[object(&[]), tuple(&[])], None),
            (&[Type::list(Number), Any], Some(Any)),
            (&[Number, Type::list(Number)], None),
        ];
        for (types, expected) in rows {
            assert_eq!(unify(types), *expected, "{types:?}");
        }
    }
}
