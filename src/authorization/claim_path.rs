//! Where in a claims set roles, groups or permissions stand.

use std::borrow::Cow;
use std::sync::Arc;

use super::held::Held;
use crate::claims::Claims;
use crate::jose::Value;

/// Where in a claims set a string or a list of strings stands: `roles`, or `roles` within `realm_access`.
///
/// A string there is one value, an array of strings is several. Anything else, an array with anything else in it included,
/// holds nothing. Names are compared byte for byte.
///
/// ```
/// use tower_bearer::authorization::ClaimPath;
///
/// // Split at each dot: a member within a member.
/// let roles = ClaimPath::from("realm_access.roles");
/// // Names as they are, for those that have dots in them.
/// let roles = ClaimPath::from(["https://acme.example/roles"]);
/// // A list that may be written as a string, like a scope.
/// const SCP: ClaimPath = ClaimPath::of(&["scp"]).space_separated();
/// ```
#[derive(Clone, Debug)]
pub struct ClaimPath {
    names: Names,
    space_separated: bool,
}

#[derive(Clone, Debug)]
enum Names {
    Constant(&'static [&'static str]),
    Given(Arc<[Box<str>]>),
}

impl ClaimPath {
    /// The path of these names, from the outermost to the innermost; for constants.
    ///
    /// A path of no name leads nowhere.
    #[must_use]
    pub const fn of(names: &'static [&'static str]) -> Self {
        Self {
            names: Names::Constant(names),
            space_separated: false,
        }
    }

    /// Reads a string there as a list, separated by spaces as in `scope` (RFC 8693 §4.2). An array is read as before.
    ///
    /// Default: a string is one value, since the name of a role or group may have spaces.
    #[must_use]
    pub const fn space_separated(mut self) -> Self {
        self.space_separated = true;
        self
    }

    /// What `claims` hold there.
    pub(super) fn look_up<'t>(&self, claims: &'t Claims) -> Held<'t> {
        match self.find(claims) {
            Ok(value) => Held::read(value, self.space_separated),
            Err(nothing) => nothing,
        }
    }

    /// What stands there, as one text: a string as it is, a number or boolean as JSON writes it, strings with a comma between.
    ///
    /// `None` where nothing stands there, or what one text cannot tell: an array with a comma in it, or with anything but
    /// strings.
    pub(crate) fn text<'t>(&self, claims: &'t Claims) -> Option<Cow<'t, str>> {
        let value = self.find(claims).ok()?;
        if let Some(elements) = value.elements() {
            let without_comma = |value: &Cow<'_, str>| !value.contains(',');
            let elements: Option<Vec<_>> = elements
                .map(|element| element.as_str().filter(without_comma))
                .collect();
            return Some(elements?.join(",").into());
        }
        let is_boolean = matches!(value.raw(), "true" | "false");
        let written = value.as_number().or(is_boolean.then_some(value.raw()));
        written.map(Cow::Borrowed).or_else(|| value.as_str())
    }

    /// The value there; if there is none, what is held instead.
    fn find<'t>(&self, claims: &'t Claims) -> Result<Value<'t>, Held<'t>> {
        let mut names = self.names();
        let outermost = names.next().ok_or(Held::Unreadable)?;
        let outermost = claims.member(outermost).ok_or(Held::Nothing)?;
        names.try_fold(outermost, |value, name| {
            let mut entries = value.entries().ok_or(Held::Unreadable)?;
            let found = entries.find(|(each, _)| each == name);
            found.map(|(_, inner)| inner).ok_or(Held::Nothing)
        })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let (constant, given) = match &self.names {
            Names::Constant(names) => (*names, [].as_slice()),
            Names::Given(names) => ([].as_slice(), &**names),
        };
        let given = given.iter().map(AsRef::as_ref);
        constant.iter().copied().chain(given)
    }
}

impl From<&str> for ClaimPath {
    /// Splits at each dot. The name of a claim that has dots in it, such as `https://acme.example/roles`, goes into an array: split,
    /// it would hold nothing, and a [`not`](crate::Requirement::not) around it would pass.
    fn from(path: &str) -> Self {
        Self {
            names: Names::Given(path.split('.').map(Box::from).collect()),
            space_separated: false,
        }
    }
}

impl<const N: usize> From<[&str; N]> for ClaimPath {
    /// Takes each name as it is, from the outermost to the innermost.
    fn from(names: [&str; N]) -> Self {
        Self {
            names: Names::Given(names.into_iter().map(Box::from).collect()),
            space_separated: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_text_cannot_tell_is_not_told() {
        let claims = r#"{"iss":"i","exp":1,"s":"a, b","n":-1.50,"t":true,"z":null,"a":["x","y"],"c":["x,y"],"m":["x",1],
            "e":[],"o":{"s":"in\u0073ide","o":{}}}"#;
        let claims = Claims::parse(claims.to_owned()).expect("claims");
        for (path, text) in [
            ("s", Some("a, b")),
            ("n", Some("-1.50")),
            ("t", Some("true")),
            ("z", None),
            ("a", Some("x,y")),
            ("c", None),
            ("m", None),
            ("e", Some("")),
            ("o", None),
            ("o.s", Some("inside")),
            ("o.o", None),
            ("o.x", None),
            ("s.s", None),
            ("x", None),
        ] {
            assert_eq!(
                ClaimPath::from(path).text(&claims).as_deref(),
                text,
                "{path}"
            );
        }
        assert_eq!(ClaimPath::of(&[]).text(&claims), None);
        assert_eq!(ClaimPath::from(["o.s"]).text(&claims), None);
    }
}
