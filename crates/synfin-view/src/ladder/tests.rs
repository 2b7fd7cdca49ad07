//! Drawings to be read as a person reads them, and what must hold for any drawing.

use crate::style::Style;
use crate::testing::Talk;

fn draw(talk: &Talk, style: Style) -> String {
    let mut out = String::new();
    super::write(&mut out, &talk.connection, &style);
    out
}

#[test]
fn a_page() {
    insta::assert_snapshot!(draw(&Talk::page(1), Style::default()));
}

#[test]
fn a_page_on_a_wide_terminal() {
    insta::assert_snapshot!(draw(&Talk::page(1), Style { width: 130, ..Style::default() }));
}

#[test]
fn a_page_in_ascii_on_a_narrow_terminal() {
    insta::assert_snapshot!(draw(&Talk::page(1), Style { width: 60, unicode: false, ..Style::default() }));
}
