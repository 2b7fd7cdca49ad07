use super::*;

fn variable(name: &str) -> Option<Value> {
    match name {
        "ten" => Some(Value::Number(10)),
        "half" => Some(Value::Float(0.5)),
        _ => None,
    }
}

fn outcome(code: &str) -> Result<Outcome, String> {
    run(code, &variable, &mut BTreeMap::new())
}

/// What Python says of each.
#[test]
fn as_python_has_it() {
    for holds in [
        "assert ten == 10",
        "assert 9 < ten <= 10 < 11",
        "assert not ten == 9 and not not True",
        "assert ten == 9 or ten // 3 == 3 and ten % 3 == 1",
        "assert ten / 4 == 2.5 and ten * half == 5",
        "assert -7 // 2 == -4 and -7 % 2 == 1",
        "assert 1 + 2 * 3 == 7 and (1 + 2) * 3 == 9",
        "assert 1 << 4 | 3 & 1 == 17",
        "assert ten in (9, 10) and ten not in (1, 2)",
        "assert abs(-3) == 3 and min(3, 1, 2) == 1 and max(1, half) == 1 and int(2.9) == 2",
        "assert 0x10 == 16, 'a message'; assert 'a' < 'b'",
        "kept = ten + 1\nassert kept == 11, (ten, kept)\n",
        "assert (ten ==\n 10)",
        "print('nothing', ten)\n# a comment\npass",
    ] {
        assert_eq!(outcome(holds), Ok(Outcome::Holds), "{holds}");
    }
}

#[test]
fn a_failure_tells_what_it_looked_at() {
    let Ok(Outcome::Fails { assertion, values, message }) =
        outcome("assert ten == 10; assert ten > 11, 'ten is ten'")
    else {
        panic!()
    };
    assert_eq!(assertion, "ten > 11");
    assert_eq!(values, [("ten".to_owned(), Value::Number(10))]);
    assert_eq!(message.as_deref(), Some("ten is ten"));
}

#[test]
fn the_rest_of_python_is_not_had() {
    for unsupported in [
        "import os",
        "assert unknown == 1",
        "assert ten if half else 0",
        "assert [x for x in (1, 2)]",
        "assert ten.real == 10",
        "assert f(ten)",
        "assert ten == 10 10",
        "assert 1 / 0 == 0",
        "assert 1 << 1000000 > 0",
        "for i in (1, 2): pass",
        "assert ten = 10",
        "assert (ten == 10",
    ] {
        assert!(outcome(unsupported).is_err(), "{unsupported}");
    }
    let deep = format!("assert {}1{}", "(".repeat(5000), ")".repeat(5000));
    assert!(outcome(&deep).is_err());
}
