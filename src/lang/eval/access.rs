//! `.name`, `[key]` and `[*]`: from a value to its parts.

use super::conditional::lengths;
use super::explain::count;
use super::expression::Evaluator;
use crate::diag::{Diagnostic, Span, code};
use crate::lang::syntax::ast::{Expr, ExprKind, Ident, Step};
use crate::lang::value::{Kind, Marks, Number, Refinement, Type, Value, convert, normalize};

/// Names of an object that are listed with an error.
const NAMES_LISTED_MAX: usize = 12;

impl Evaluator<'_> {
    /// Takes steps from a value, which stands at `so_far`.
    pub(super) fn walk(&mut self, value: Value, so_far: Span, steps: &[Step]) -> Value {
        let (mut value, mut so_far) = (value, so_far);
        for (at, step) in steps.iter().enumerate() {
            let before = self.failures();
            value = match step {
                Step::Attr(name) => self.attribute(&value, name, so_far),
                Step::Index(key, span) => self.index(&value, key, *span),
                Step::Splat { each, span, .. } => self.splat(&value, each, *span, so_far),
            };
            if self.failures() > before {
                let rest = steps.get(at + 1..).unwrap_or(&[]);
                self.check_steps(rest);
                // How many elements there are is known all the same.
                let known = rest.is_empty() && matches!(step, Step::Splat { .. });
                return if known { value } else { Value::unknown(Type::Any) };
            }
            so_far = so_far.to(step.span());
        }
        value
    }

    /// Looks for errors in steps that cannot be taken.
    pub(super) fn check_steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.check_step(step);
        }
    }

    fn check_step(&mut self, step: &Step) {
        match step {
            Step::Attr(_) => {}
            Step::Index(key, _) => drop(self.value(key)),
            Step::Splat { each, .. } => self.check_steps(each),
        }
    }

    /// `value.name`; the value stands at `so_far`.
    fn attribute(&mut self, value: &Value, name: &Ident, so_far: Span) -> Value {
        let key = normalize(&name.name);
        let marks = value.marks();
        match (value.kind(), value.ty_shallow()) {
            (Kind::Null(_), _) => {
                let error = Diagnostic::error(code::lang::NULL, format!("null has no attribute `{key}`"))
                    .at(name.span, "asked for here")
                    .at(so_far, "this is null");
                self.fail(error)
            }
            (Kind::Object(entries) | Kind::Map(_, entries), _) => match entries.get(&key) {
                Some(part) => part.clone().marked(marks),
                None => self.no_attribute(value, name),
            },
            (Kind::Unknown(Type::Any, _), _) => Value::unknown(Type::Any).marked(marks),
            (Kind::Unknown(Type::Map(element), _), _) => Value::unknown((**element).clone()).marked(marks),
            (Kind::Unknown(Type::Object(fields), _), _) => match fields.get(&key) {
                Some(field) => Value::unknown(field.ty.clone()).marked(marks),
                None => self.no_attribute(value, name),
            },
            _ => self.no_attribute(value, name),
        }
    }

    fn no_attribute(&mut self, value: &Value, name: &Ident) -> Value {
        let ty = value.ty();
        let summary = match &ty {
            Type::Object(_) => format!("this object has no attribute `{}`", name.name),
            Type::Map(_) => format!("this map has no element `{}`", name.name),
            other => format!("{} has no attributes", other.with_article()),
        };
        let mut error = Diagnostic::error(code::lang::ATTRIBUTE, summary).at(name.span, "no such attribute");
        let names: Vec<&str> = match (&ty, value.as_entries()) {
            (Type::Object(fields), _) => fields.keys().map(AsRef::as_ref).collect(),
            (_, Some(entries)) if value.marks().is_empty() && !self.is_hidden() => {
                entries.keys().map(AsRef::as_ref).collect()
            }
            _ => Vec::new(),
        };
        if !names.is_empty() && names.len() <= NAMES_LISTED_MAX {
            error = error.detail(format!(
                "It has {}.",
                names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ));
        }
        error = error.did_you_mean(&name.name, names);
        if let Type::List(element) | Type::Set(element) = &ty
            && matches!(&**element, Type::Object(fields) if fields.contains_key(&name.name))
        {
            error = error.help(format!("`[*].{}` is the list of this attribute of all elements", name.name));
        }
        self.fail(error)
    }

    /// `value[key]`; the brackets are at `span`.
    fn index(&mut self, value: &Value, key: &Expr, span: Span) -> Value {
        let before = self.failures();
        let key_value = self.value(key);
        if self.failures() > before {
            return Value::unknown(Type::Any);
        }
        if value.is_null() || key_value.is_null() {
            let what = if value.is_null() { "null has no elements" } else { "null cannot be an index" };
            let error = Diagnostic::error(code::lang::NULL, what).at(span, "");
            return self.fail_with(error, &[key]);
        }
        let marks = value.marks() | key_value.marks();
        let (ty, key_type) = (value.ty_shallow(), key_value.ty_shallow());
        if matches!(ty, Type::Any) || matches!(key_type, Type::Any) {
            return Value::unknown(Type::Any).marked(marks);
        }
        let wanted = match ty {
            Type::List(_) | Type::Tuple(_) => Type::Number,
            Type::Map(_) | Type::Object(_) => Type::String,
            _ => return self.no_index(value, span),
        };
        let converted = match convert(&key_value, &wanted) {
            Ok(converted) => converted,
            Err(error) => {
                let summary = format!("{} is not indexed by {}", ty.with_article(), key_type.with_article());
                let error = Diagnostic::error(code::lang::INDEX, summary).at(key.span, error.to_string());
                return self.fail_with(error, &[key]);
            }
        };
        if value.is_unknown() || converted.is_unknown() {
            return self.index_unknown(value, &converted, key, marks);
        }
        let found = match (value.as_items(), converted.as_number()) {
            (Some(items), Some(number)) => whole(number).and_then(|at| items.get(at)),
            _ => converted.as_str().and_then(|name| value.get(name)),
        };
        match found {
            Some(part) => part.clone().marked(marks),
            None => self.no_element(value, &key_value, key),
        }
    }

    fn index_unknown(&mut self, value: &Value, key: &Value, at: &Expr, marks: Marks) -> Value {
        let part = match (value.kind(), key.as_number(), key.as_str()) {
            (Kind::Unknown(Type::Tuple(types), _), Some(number), _) => {
                match whole(number).and_then(|at| types.get(at)) {
                    Some(ty) => ty.clone(),
                    None => return self.no_element(value, key, at),
                }
            }
            (Kind::Unknown(Type::Object(fields), _), _, Some(name)) => match fields.get(name) {
                Some(field) => field.ty.clone(),
                None => return self.no_element(value, key, at),
            },
            _ => value.ty_shallow().element().cloned().unwrap_or(Type::Any),
        };
        // Which of the elements it is cannot be known, so it may be any that is marked.
        let inner = if key.is_unknown() { value.marks_deep() } else { Marks::NONE };
        Value::unknown(part).marked(marks | inner)
    }

    fn no_index(&mut self, value: &Value, span: Span) -> Value {
        let ty = value.ty();
        let mut error =
            Diagnostic::error(code::lang::INDEX, format!("{} has no elements to index", ty.with_article()))
                .at(span, "");
        if matches!(ty, Type::Set(_)) {
            error = error.help("elements of a set have no order; `tolist` makes a list of it");
        }
        self.fail(error)
    }

    fn no_element(&mut self, value: &Value, key: &Value, at: &Expr) -> Value {
        let length = match value.kind() {
            Kind::Unknown(Type::Tuple(types), _) => Some(types.len()),
            _ => value.as_items().map(<[Value]>::len),
        };
        let hidden = self.is_hidden() || !(key.marks() | value.marks()).is_empty();
        let shown = if hidden { "this key".to_owned() } else { super::describe(key) };
        let what = value.ty_shallow().with_article();
        let (summary, detail) = match (length, key.as_number()) {
            (Some(_), Some(number)) if !number.is_whole() => (
                "an index must be a whole number".to_owned(),
                "Divisions can be rounded with `floor`.".to_owned(),
            ),
            (Some(_), Some(number)) if number.is_negative() => {
                ("an index must not be negative".to_owned(), String::new())
            }
            (Some(0), _) => (format!("there is no element {shown}: {what} is empty here"), String::new()),
            (Some(length), _) if !hidden => (
                format!("there is no element {shown}"),
                format!(
                    "There {} {}, counted from 0.",
                    if length == 1 { "is" } else { "are" },
                    count(length, "element")
                ),
            ),
            _ => (format!("{what} here has no element {shown}"), String::new()),
        };
        let mut error =
            Diagnostic::error(code::lang::INDEX, summary).at(at.span, "no such element").detail(detail);
        if let (Some(name), Some(entries), false) = (key.as_str(), value.as_entries(), hidden) {
            error = error.did_you_mean(name, entries.keys().map(AsRef::as_ref));
        }
        let literal = matches!(at.kind, ExprKind::Number(_) | ExprKind::String(_));
        if literal { self.fail(error) } else { self.fail_with(error, &[at]) }
    }

    /// `value[*]` with the steps in each element.
    fn splat(&mut self, value: &Value, each: &[Step], span: Span, so_far: Span) -> Value {
        let marks = value.marks();
        let ty = value.ty_shallow();
        let single = !matches!(ty, Type::List(_) | Type::Set(_) | Type::Tuple(_));
        if value.is_null() {
            if single {
                return Value::tuple([]).marked(marks);
            }
            let error = Diagnostic::error(
                code::lang::NOT_ITERABLE,
                format!("{} that is null has no elements", ty.with_article()),
            )
            .at(so_far, "this is null")
            .at(span, "");
            return self.fail(error);
        }
        if matches!(ty, Type::Any) {
            return Value::unknown(Type::Any).marked(marks);
        }
        if single {
            let item = self.walk(value.clone(), so_far, each);
            // One that may turn out to be null may turn out to be no element.
            let undecided = value.is_unknown() && !value.is_surely_not_null();
            return if undecided {
                Value::unknown(Type::Any).marked(marks)
            } else {
                Value::tuple([item]).marked(marks)
            };
        }
        let items = value.as_items().filter(|_| !value.is_undecided_set());
        let Some(items) = items else { return self.splat_unknown(value, each, so_far) };
        let mut results = Vec::with_capacity(items.len());
        let before = self.failures();
        for item in items {
            results
                .push(self.with_elements(marks, [], |evaluator| evaluator.walk(item.clone(), so_far, each)));
            if self.failures() > before {
                // The same steps would fail in the same way in other elements.
                results.resize(items.len(), Value::unknown(Type::Any));
                break;
            }
        }
        let result = if let Kind::Tuple(_) = value.kind() {
            Value::tuple(results)
        } else {
            let element = match results.first() {
                Some(first) => first.ty(),
                None => self.element_after(ty.element().unwrap_or(&Type::Any), each, so_far),
            };
            list_of(element, results)
        };
        self.made(result, span).marked(marks)
    }

    fn splat_unknown(&mut self, value: &Value, each: &[Step], so_far: Span) -> Value {
        let (length_min, length_max) = lengths(value);
        let ty = match value.ty_shallow() {
            Type::Tuple(types) => {
                Type::Tuple(types.iter().map(|ty| self.element_after(ty, each, so_far)).collect())
            }
            other => Type::list(self.element_after(other.element().unwrap_or(&Type::Any), each, so_far)),
        };
        let of_list = matches!(ty, Type::List(_));
        let refinement = Refinement {
            not_null: true,
            length_min: if of_list { length_min } else { 0 },
            length_max: length_max.filter(|_| of_list),
            ..Refinement::default()
        };
        Value::unknown_with(ty, refinement).marked(value.marks())
    }

    /// The type of what steps lead to from a value of type `ty`.
    fn element_after(&mut self, ty: &Type, each: &[Step], so_far: Span) -> Type {
        self.walk(Value::unknown(ty.clone()), so_far, each).ty()
    }
}

/// A list if all elements are of one type, as they are unless one is null or unknown of any type.
fn list_of(element: Type, items: Vec<Value>) -> Value {
    if items.iter().all(|item| item.ty() == element) {
        return Value::list(element, items);
    }
    let tuple = Value::tuple(items);
    convert(&tuple, &Type::list(Type::Any)).unwrap_or(tuple)
}

fn whole(number: &Number) -> Option<usize> {
    number.as_i64().and_then(|at| usize::try_from(at).ok())
}
