use proptest::prelude::*;

use super::*;

/// A BTF of one integer and one enumeration.
fn small() -> Vec<u8> {
    let strings = b"\0int\0colour\0COLOUR_RED\0COLOUR_BLUE\0";
    let words = |words: &[u32]| words.iter().flat_map(|w| w.to_ne_bytes()).collect::<Vec<u8>>();
    let types = [words(&[1, 1 << 24, 4, 32]), words(&[5, 6 << 24 | 2, 4, 12, 3, 23, 7])].concat();
    let mut btf = MAGIC.to_ne_bytes().to_vec();
    btf.extend([1, 0]);
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    btf.extend(words(&[24, 0, len(&types), len(&types), len(strings)]));
    btf.extend(types);
    btf.extend(strings);
    btf
}

#[test]
fn enumerators_are_found_behind_other_types() {
    let found = enumerators(&small(), "colour");
    assert_eq!(found, Some(vec![(3, "COLOUR_RED".into()), (7, "COLOUR_BLUE".into())]));
    assert_eq!(enumerators(&small(), "int"), None);
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_value(noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20)) {
        let mut btf = small();
        for (at, byte) in noise {
            let at = at.index(btf.len());
            btf[at] = byte;
        }
        let _ = enumerators(&btf, "colour");
    }
}
