//! The scripts themselves: each of the suite says what it shows and where that is required (`drill` holds them against
//! our TCP); and those that must not pass are told in so many words.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use synfin_lab::drill::{Profile, Script, Settings, Verdict, run};

/// The scripts of a folder and those below it, in the order of their names.
fn scripts(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut list = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "pkt") {
                list.push(path);
            }
        }
    }
    list.sort();
    list
}

/// How a script went, as `synfin drill` tells it.
fn told(path: &Path) -> (&'static str, String) {
    let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
    let script = match Script::parse(&name, &fs::read_to_string(path).unwrap()) {
        Ok(script) => script,
        Err(error) => return ("no script", error.to_string()),
    };
    let verdict = match run(&script, &Settings { is_strict: true, ..Settings::default() }) {
        Ok(verdict) => verdict,
        Err(error) => return ("broken", format!("{name}: {error}")),
    };
    let told = match &verdict {
        Verdict::Failed(failure) => format!(
            "{name}:{}: {}\n    expected {}\n    came     {}",
            failure.place.line, failure.what, failure.expected, failure.came
        ),
        Verdict::Unsupported(unsupported) => {
            format!("{name}:{}: {}", unsupported.place.line, unsupported.what)
        }
        _ => String::new(),
    };
    (verdict.name(), told)
}

/// A student learns by reading them.
#[test]
fn the_suite_is_large_enough_and_each_script_names_its_requirement() {
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for path in scripts("drills") {
        let text = fs::read_to_string(&path).unwrap();
        let comment: String = text.lines().take_while(|line| line.starts_with("//")).collect();
        assert!(comment.contains("RFC "), "{} names no requirement", path.display());
        let folder = path.parent().unwrap().file_name().unwrap().to_string_lossy();
        *folders.entry(folder.into_owned()).or_default() += 1;
    }
    let total: usize = folders.values().sum();
    assert!(total >= 150, "{total} scripts are no conformance suite: {folders:?}");
}

/// What names no profile takes nothing for granted: it holds in all of them.
#[test]
fn scripts_without_a_mark_hold_in_every_profile() {
    for path in scripts("drills") {
        let script = Script::parse("", &fs::read_to_string(&path).unwrap()).unwrap();
        if script.profile.is_none() {
            for profile in [Profile::Rfc, Profile::Linux] {
                let settings = Settings { profile: Some(profile), is_strict: true, ..Settings::default() };
                let verdict = run(&script, &settings).unwrap();
                assert_eq!(verdict, Verdict::Passed, "{profile:?}: {}", path.display());
            }
        }
    }
}

#[test]
fn what_must_not_pass_says_why() {
    let mut report = String::new();
    for path in scripts("tests/drills-that-fail") {
        let (verdict, told) = told(&path);
        assert!(matches!(verdict, "failed" | "unsupported"), "{verdict}: {}", path.display());
        writeln!(report, "{verdict}: {}", told.replace("tests/drills-that-fail/", "")).unwrap();
    }
    insta::assert_snapshot!(report);
}
