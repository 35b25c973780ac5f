//! Holds JSON to a JSON schema, as far as the description of the API uses it. A library for it
//! would switch on features of `serde_json` for all tests. A word that is not known here fails the
//! test.

use serde_json::Value;

/// What is wrong with `value`, if anything is; `root` has what references point to.
pub(crate) fn fault(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    let Some(words) = schema.as_object() else {
        return Some(format!("no schema: {schema}"));
    };
    words.iter().find_map(|(word, rule)| {
        let is_kept = match word.as_str() {
            "$ref" => {
                let pointer = rule.as_str()?.trim_start_matches('#');
                return fault(root, root.pointer(pointer).expect(pointer), value);
            }
            "oneOf" => {
                let fitting =
                    rule.as_array()?.iter().filter(|one| fault(root, one, value).is_none());
                fitting.count() == 1
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|one| is_of_type(value, one)),
                one => is_of_type(value, one),
            },
            "enum" => rule.as_array()?.contains(value),
            "format" => has_format(value.as_str()?, rule.as_str()?),
            "exclusiveMinimum" => value.is_null() || value.as_f64()? > rule.as_f64()?,
            "minimum" => value.as_f64()? >= rule.as_f64()?,
            "maximum" => value.as_f64()? <= rule.as_f64()?,
            "minLength" => value.as_str()?.chars().count() as u64 >= rule.as_u64()?,
            "maxLength" => value.as_str()?.chars().count() as u64 <= rule.as_u64()?,
            "minItems" => value.as_array()?.len() as u64 >= rule.as_u64()?,
            "maxItems" => value.as_array()?.len() as u64 <= rule.as_u64()?,
            "pattern" => {
                assert_eq!(rule, "\\S");
                value.as_str()?.contains(|character: char| !character.is_whitespace())
            }
            "uniqueItems" => {
                let items = value.as_array()?;
                items.iter().enumerate().all(|(at, item)| !items[..at].contains(item))
            }
            "required" => {
                let fields = value.as_object()?;
                rule.as_array()?.iter().all(|name| fields.contains_key(name.as_str().unwrap()))
            }
            "items" => return value.as_array()?.iter().find_map(|item| fault(root, rule, item)),
            "properties" => {
                let fields = value.as_object()?;
                return rule.as_object()?.iter().find_map(|(name, schema)| {
                    let inner = fault(root, schema, fields.get(name)?)?;
                    Some(format!("{name}: {inner}"))
                });
            }
            "additionalProperties" => {
                let known = schema["properties"].as_object();
                let fields = value.as_object()?;
                let mut others = fields
                    .iter()
                    .filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
                match rule {
                    Value::Bool(false) => others.next().is_none(),
                    schema => return others.find_map(|(_, other)| fault(root, schema, other)),
                }
            }
            "propertyNames" => {
                let names = value.as_object()?.keys().map(|name| Value::from(name.as_str()));
                return names.into_iter().find_map(|name| fault(root, rule, &name));
            }
            "description" | "default" => true,
            word => panic!("the checker does not know {word:?}"),
        };
        (!is_kept).then(|| format!("{value} breaks {word}: {rule}"))
    })
}

fn is_of_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the checker does not know the type {other:?}"),
    }
}

fn has_format(text: &str, format: &str) -> bool {
    match format {
        "uuid" => text.len() == 36 && text.parse::<fairsplit::FlagId>().is_ok(),
        "date-time" => text.parse::<fairsplit::Timestamp>().is_ok(),
        other => panic!("the checker does not know the format {other:?}"),
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let root = serde_json::json!({"a": {"type": "integer", "minimum": 0}});
    let schema = serde_json::json!({
        "type": "object", "required": ["n"], "additionalProperties": false,
        "properties": {"n": {"$ref": "#/a"}, "id": {"oneOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]},
            "list": {"items": {"enum": ["x"]}, "uniqueItems": true, "maxItems": 1}}
    });
    let check = |text: &str| fault(&root, &schema, &serde_json::from_str(text).unwrap()).is_none();
    assert!(check(r#"{"n": 1, "id": null, "list": ["x"]}"#));
    for wrong in [
        "[]",
        "{}",
        r#"{"n": -1}"#,
        r#"{"n": 1.0}"#,
        r#"{"n": 1, "other": 1}"#,
        r#"{"n": 1, "id": "x"}"#,
        r#"{"n": 1, "list": ["y"]}"#,
        r#"{"n": 1, "list": ["x", "x"]}"#,
    ] {
        assert!(!check(wrong), "{wrong}");
    }
}
