#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use serde_json::Value as Foreign;

use super::*;

fn refusal(text: &str) -> Option<JsonError> {
    Members::scan(text).err()
}

#[test]
fn members_are_found_by_their_decoded_names() {
    let text = r#" { "iss" : "me" , "\u0061ud":["a","b"],"https:\/\/e.example\/x":{"a":null}, "":-0.5e+1 ,"ключ":true} "#;
    let members = Members::scan(text).unwrap();
    let raw = |name| members.get(text, name).map(Value::raw);
    assert_eq!(members.len(), 5);
    assert_eq!(raw("iss"), Some("\"me\""));
    assert_eq!(raw("aud"), Some(r#"["a","b"]"#));
    assert_eq!(raw("https://e.example/x"), Some(r#"{"a":null}"#));
    assert_eq!(raw(""), Some("-0.5e+1"));
    assert_eq!(raw("ключ"), Some("true"));
    assert_eq!(raw("a"), None);
    assert_eq!(raw("\\u0061ud"), None);
    let names: Vec<_> = members.names(text).collect();
    assert_eq!(names, ["", "aud", "iss", "ключ", "https://e.example/x"]);
    assert_eq!(Members::scan("{}").unwrap().len(), 0);
}

#[test]
fn a_value_is_of_one_type() {
    let text = r#"{"s":"a\n\"\ud83d\ude00\"","n":12,"m":-1,"t":true,"f":false,"z":null,"a":[1,[2,"]"],{"x":","} , "end"],"e":[ ],"o":{"p":1}}"#;
    let members = Members::scan(text).unwrap();
    let value = |name| members.get(text, name).unwrap();
    let names: Vec<_> = members.names(text).collect();
    for name in &names {
        let value = value(name);
        let types = [
            value.as_str().is_some(),
            value.as_number().is_some(),
            value.as_bool().is_some(),
            value.is_null(),
            value.elements().is_some(),
            value.members().is_some(),
        ];
        assert_eq!(types.iter().filter(|is| **is).count(), 1, "{name}");
    }
    assert_eq!(value("s").as_str().as_deref(), Some("a\n\"😀\""));
    assert_eq!(value("n").as_number(), Some("12"));
    assert_eq!(value("m").as_number(), Some("-1"));
    assert_eq!(value("t").as_bool(), Some(true));
    assert_eq!(value("f").as_bool(), Some(false));
    let elements = value("a").elements().unwrap().map(Value::raw);
    assert!(elements.eq(["1", r#"[2,"]"]"#, r#"{"x":","}"#, "\"end\""]));
    assert_eq!(value("e").elements().unwrap().count(), 0);
    let inner = value("o").members().unwrap();
    assert_eq!(inner.get(value("o").raw(), "p").map(Value::raw), Some("1"));
}

#[test]
fn what_is_not_one_strict_object_is_refused() {
    use JsonError::{NotAnObject, RepeatedName, Syntax};
    for (text, want) in [
        ("", NotAnObject),
        (" ", NotAnObject),
        ("null", NotAnObject),
        ("[]", NotAnObject),
        ("\"{}\"", NotAnObject),
        ("7", NotAnObject),
        ("\u{feff}{}", NotAnObject),
        ("\u{a0}{}", NotAnObject),
        ("{", Syntax),
        ("}", NotAnObject),
        ("{}{}", Syntax),
        ("{}x", Syntax),
        ("{}\0", Syntax),
        ("{},", Syntax),
        ("{]", Syntax),
        ("{,}", Syntax),
        (r#"{"a"}"#, Syntax),
        (r#"{"a":}"#, Syntax),
        (r#"{"a":1,}"#, Syntax),
        (r#"{"a":1 "b":2}"#, Syntax),
        (r#"{"a":1;"b":2}"#, Syntax),
        (r#"{"a" 1}"#, Syntax),
        (r#"{a:1}"#, Syntax),
        (r#"{'a':1}"#, Syntax),
        (r#"{"a":1/**/}"#, Syntax),
        (r#"{"a":[1,]}"#, Syntax),
        (r#"{"a":[,1]}"#, Syntax),
        (r#"{"a":[1 2]}"#, Syntax),
        (r#"{"a":[}"#, Syntax),
        (r#"{"a":[1}"#, Syntax),
        (r#"{"a":{]}"#, Syntax),
        (r#"{"a":"#, Syntax),
        (r#"{"a":1"#, Syntax),
        (r#"{"a":"b"#, Syntax),
        (r#"{"a":"b\"#, Syntax),
        (r#"{"a":"\x"}"#, Syntax),
        (r#"{"a":"\u12"}"#, Syntax),
        (r#"{"a":"\u+123"}"#, Syntax),
        (r#"{"a":"\ud800"}"#, Syntax),
        (r#"{"a":"\udc00"}"#, Syntax),
        (r#"{"a":"\ud800\ud800"}"#, Syntax),
        (r#"{"a":"\ud800x"}"#, Syntax),
        (r#"{"a":"\ud800\u0041"}"#, Syntax),
        (r#"{"\ud800":1}"#, Syntax),
        ("{\"a\":\"\n\"}", Syntax),
        ("{\"a\":\"\u{1f}\"}", Syntax),
        ("{\"a\":\"12345678\0\"}", Syntax),
        ("{\"a\n\":1}", Syntax),
        (r#"{"a":nul}"#, Syntax),
        (r#"{"a":True}"#, Syntax),
        (r#"{"a":truefalse}"#, Syntax),
        (r#"{"a":NaN}"#, Syntax),
        (r#"{"a":Infinity}"#, Syntax),
        (r#"{"a":-}"#, Syntax),
        (r#"{"a":+1}"#, Syntax),
        (r#"{"a":01}"#, Syntax),
        (r#"{"a":-01}"#, Syntax),
        (r#"{"a":.5}"#, Syntax),
        (r#"{"a":1.}"#, Syntax),
        (r#"{"a":1e}"#, Syntax),
        (r#"{"a":1e+}"#, Syntax),
        (r#"{"a":0x10}"#, Syntax),
        (r#"{"a":1_0}"#, Syntax),
        (r#"{"a":1e400}"#, Syntax),
        (r#"{"a":-1e309}"#, Syntax),
        (r#"{"a":1,"a":1}"#, RepeatedName),
        (r#"{"a":1,"b":2,"a":3}"#, RepeatedName),
        (r#"{"a":1,"\u0061":1}"#, RepeatedName),
        (r#"{"\u0061":1,"\u0061":1}"#, RepeatedName),
        (r#"{"":1,"":1}"#, RepeatedName),
        (r#"{"/":1,"\/":1}"#, RepeatedName),
        (r#"{"a":{"b":1,"b":2}}"#, RepeatedName),
        (r#"{"a":[[{"b":1,"c":0,"b":2}]]}"#, RepeatedName),
    ] {
        assert_eq!(refusal(text), Some(want), "{text}");
        assert!(serde_agrees(text), "{text}");
    }
    let long = format!(r#"{{"a":{}}}"#, "9".repeat(400));
    assert_eq!(refusal(&long), Some(Syntax));
}

#[test]
fn the_same_name_at_different_places_is_no_repetition() {
    for text in [
        r#"{"a":{"a":{"a":1}}}"#,
        r#"{"a":[{"a":1},{"a":1}],"b":{"a":1}}"#,
        r#"{"b":{"a":1},"a":1}"#,
        "{\"a\":1,\"A\":1,\"a \":1,\"\u{e1}\":1,\"a\u{301}\":1}",
        r#"{"a":0e400,"b":1e-400,"c":1e308}"#,
    ] {
        assert_eq!(refusal(text), None, "{text}");
        assert!(serde_agrees(text), "{text}");
    }
}

#[test]
fn nested_repetition_is_left_to_the_reader_only_if_asked() {
    let text = r#"{"keys":[{"a":1,"a":2},{"a":1}]}"#;
    let members = Members::scan_outermost(text).unwrap();
    let keys = members.get(text, "keys").unwrap();
    let read: Vec<_> = keys
        .elements()
        .unwrap()
        .map(|key| key.members().is_some())
        .collect();
    assert_eq!(read, [false, true]);
    assert_eq!(
        Members::scan_outermost(r#"{"a":1,"a":1}"#).err(),
        Some(JsonError::RepeatedName)
    );
}

#[test]
fn nesting_ends_at_32() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| {
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            format!("{{\"a\":{open}0{close}}}")
        };
        assert_eq!(refusal(&nested(31)), None);
        assert_eq!(refusal(&nested(32)), Some(JsonError::TooDeep));
        assert_eq!(refusal(&nested(100_000)), Some(JsonError::TooDeep));
    }
}

#[test]
fn a_foreign_text_finds_nothing_and_does_not_panic() {
    let text = r#"{"aé":"b","c":[1,2]}"#;
    let members = Members::scan(text).unwrap();
    for other in ["", "{", "ééééééééééééééééééé", r#"{"a":"bbbbbbbbbbbbbbb"}"#] {
        for name in ["aé", "c", ""] {
            if let Some(value) = members.get(other, name) {
                let _ = (value.as_str(), value.members(), value.as_number());
                let _ = value.elements().map(Iterator::count);
            }
        }
        let _ = members.iter(other).count();
    }
}

#[test]
fn a_member_is_found_among_few_and_among_many() {
    for count in [1, 2, 31, 32, 33, 34, 100] {
        let member = |at: usize| match at % 3 {
            0 => format!(r#""{at}\u0061":{at}"#),
            1 => format!(r#""{at}a":{at}"#),
            _ => format!(r#""{at}a{}":{at}"#, "é".repeat(at)),
        };
        let members: Vec<_> = (0..count).rev().map(member).collect();
        let text = format!("{{{}}}", members.join(","));
        let members = Members::scan(&text).unwrap();
        for at in 0..count {
            let name = if at % 3 == 2 {
                "é".repeat(at)
            } else {
                String::new()
            };
            let value = members.get(&text, &format!("{at}a{name}"));
            assert_eq!(value.map(Value::raw), Some(at.to_string().as_str()));
            assert!(members.get(&text, &format!("{at}b{name}")).is_none());
            assert!(members.get(&text, &format!("{at}a{name}a")).is_none());
        }
    }
}

#[test]
fn hostile_names_do_not_cost_the_square_of_their_number() {
    // 50 000 names, all of one length and one beginning, each with an escape: quadratic work would take a minute.
    let names: Vec<_> = (0..50_000)
        .map(|at| format!(r#""\u0061aaaaaaaaaa{at:06}":0"#))
        .collect();
    let text = format!("{{{}}}", names.join(","));
    let members = Members::scan(&text).unwrap();
    assert_eq!(members.len(), 50_000);
    assert!(members.get(&text, "aaaaaaaaaaa049999").is_some());
}

/// Whatever we accept, `serde_json` accepts with the same members; whatever it refuses, we refuse.
fn serde_agrees(text: &str) -> bool {
    let Ok(members) = Members::scan(text) else {
        return true;
    };
    let Ok(Foreign::Object(foreign)) = serde_json::from_str(text) else {
        return false;
    };
    foreign.len() == members.len()
        && foreign.iter().all(|(name, foreign)| {
            members
                .get(text, name)
                .is_some_and(|ours| same(ours, foreign))
        })
}

fn same(ours: Value<'_>, foreign: &Foreign) -> bool {
    match foreign {
        Foreign::Null => ours.is_null(),
        Foreign::Bool(foreign) => ours.as_bool() == Some(*foreign),
        Foreign::Number(_) => ours.as_number().is_some(),
        Foreign::String(foreign) => ours.as_str().as_deref() == Some(foreign),
        Foreign::Array(foreign) => ours.elements().is_some_and(|ours| {
            let ours: Vec<_> = ours.collect();
            ours.len() == foreign.len()
                && ours
                    .iter()
                    .zip(foreign)
                    .all(|(ours, foreign)| same(*ours, foreign))
        }),
        Foreign::Object(foreign) => ours.members().is_some_and(|members| {
            let entries: Vec<_> = ours.entries().into_iter().flatten().collect();
            let read_in_place = |name: &str| entries.iter().find(|(each, _)| each == name);
            members.len() == foreign.len()
                && entries.len() == foreign.len()
                && foreign.iter().all(|(name, foreign)| {
                    let ours = members.get(ours.raw(), name);
                    ours.is_some_and(|ours| same(ours, foreign))
                        && ours == read_in_place(name).map(|(_, value)| *value)
                })
        }),
    }
}

/// Texts that are JSON objects, or nearly: pieces of the grammar in any order within braces.
fn nearly_json() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just(","), 4 => Just(":"), 2 => Just("{"), 2 => Just("}"), 1 => Just("["),
        1 => Just("]"), 3 => Just("\"a\""), 2 => Just("\"b\""), 1 => Just("\"\\u0061\""),
        1 => Just("\"\\ud83d\\ude00\""), 1 => Just("\"\\ud83d\""), 1 => Just("\""), 1 => Just("\\"),
        1 => Just("1"), 1 => Just("-0.1e5"), 1 => Just("1e999"), 1 => Just("0"), 1 => Just("null"),
        1 => Just("true"), 1 => Just(" "), 1 => Just("\n"), 1 => Just("\t"), 1 => Just("\u{7f}"),
        1 => Just("é"), 1 => Just("\"a\":1"), 1 => Just("\"b\":{}"), 1 => Just("\"c\":[1,2]"),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| format!("{{{}}}", pieces.concat()))
}

/// Whole documents, written by `serde_json`.
fn document() -> impl Strategy<Value = Foreign> {
    let leaf = prop_oneof![
        Just(Foreign::Null),
        any::<bool>().prop_map(Foreign::from),
        any::<i64>().prop_map(Foreign::from),
        any::<f64>().prop_map(Foreign::from),
        any::<String>().prop_map(Foreign::from),
    ];
    let value = leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Foreign::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|members| members.into_iter().collect()),
        ]
    });
    proptest::collection::btree_map(any::<String>(), value, 0..8)
        .prop_map(|members| members.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn nothing_is_accepted_that_serde_json_reads_otherwise(text in nearly_json()) {
        prop_assert!(serde_agrees(&text));
    }

    #[test]
    fn a_strict_document_is_accepted(document in document()) {
        let text = document.to_string();
        // Near the end of a binary64's range we are stricter, and nowhere else.
        prop_assume!(!text.contains("e308") && !text.contains("e+308"));
        prop_assert_eq!(refusal(&text), None);
        prop_assert!(serde_agrees(&text));
        let pretty = serde_json::to_string_pretty(&document).unwrap();
        prop_assert_eq!(refusal(&pretty), None);
        prop_assert!(serde_agrees(&pretty));
    }

    #[test]
    fn a_document_with_one_octet_changed_is_read_alike_or_refused(
        document in document(),
        at in any::<proptest::sample::Index>(),
        octet in any::<u8>(),
    ) {
        let mut text = document.to_string().into_bytes();
        let at = at.index(text.len());
        *text.get_mut(at).unwrap() = octet;
        if let Ok(text) = String::from_utf8(text) {
            prop_assert!(serde_agrees(&text));
        }
    }
}

#[test]
fn the_names_that_serde_json_reserves_are_refused_at_every_depth() {
    for reserved in ["RawValue", "Number"] {
        for text in [
            format!(r#"{{"$serde_json::private::{reserved}":"[1]"}}"#),
            format!(r#"{{"roles":{{"$serde_json::private::{reserved}":"[1]"}}}}"#),
            format!(r#"{{"a":[{{"b":1,"\u0024serde_json::private::{reserved}":"1"}}]}}"#),
        ] {
            assert_eq!(
                Members::scan(&text).err(),
                Some(JsonError::ReservedName),
                "{text}"
            );
        }
    }
    assert!(Members::scan(r#"{"$serde_json":1,"$":2}"#).is_ok());
}
