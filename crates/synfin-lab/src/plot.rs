//! A plot of a sender's variables over time, as SVG: congestion window, flight and slow start threshold; below,
//! the round-trip time; and below that the retransmission timeout, which is so much longer that it has a scale of its own.
//!
//! A plot has as many points as it has columns of pixels: of a column, the least and the most are kept, so that no peak
//! is lost however long the run was.

use core::fmt::{self, Write};

use synfin_wire::{Sample, Side};

const WIDTH: u64 = 960;
const LEFT: u64 = 70;
const RIGHT: u64 = 20;
const PANELS: u64 = 3;
const PANEL_HEIGHT: u64 = 220;
const PANEL_GAP: u64 = 60;
const TOP: u64 = 50;
const COLUMNS: u64 = WIDTH - LEFT - RIGHT;

/// Collects [`Sample`]s and draws those of the side that sent more.
#[derive(Clone, Debug, Default)]
pub struct Plot {
    sides: [Samples; 2],
}

#[derive(Clone, Debug, Default)]
struct Samples {
    points: Vec<Point>,
    /// Samples with something in flight: the sender has more of them.
    events: u64,
}

/// Points that are kept of one side; beyond it they are thinned out, so that a plot of any length has its bound.
const MAX_POINTS: usize = 1 << 17;

/// Of so many points in a row, the least and the most of each line stay.
const THINNED: usize = 64;

impl Samples {
    fn thin_out(&mut self) {
        if self.points.len() < MAX_POINTS {
            return;
        }
        let mut kept = Vec::with_capacity(MAX_POINTS);
        for run in self.points.chunks(THINNED) {
            let mut stays = vec![0, run.len() - 1];
            for series in WINDOWS.iter().chain(&ROUND_TRIPS).chain(&TIMEOUTS) {
                let values =
                    || run.iter().enumerate().filter_map(|(i, point)| Some(((series.value)(point)?, i)));
                stays.extend(values().min().into_iter().chain(values().max()).map(|(_, i)| i));
            }
            stays.sort_unstable();
            stays.dedup();
            kept.extend(stays.into_iter().filter_map(|i| run.get(i)));
        }
        self.points = kept;
    }
}

/// What is drawn of a sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Point {
    at_ns: u64,
    cwnd: u64,
    flight: u64,
    /// `None` while it is "arbitrarily high" (RFC 5681 section 3.1).
    ssthresh: Option<u64>,
    srtt_ns: Option<u64>,
    rto_ns: u64,
}

/// A line of a panel.
struct Series {
    name: &'static str,
    color: &'static str,
    value: fn(&Point) -> Option<u64>,
}

const WINDOWS: [Series; 3] = [
    Series { name: "ssthresh", color: "#999999", value: |point| point.ssthresh },
    Series { name: "flight", color: "#56b4e9", value: |point| Some(point.flight) },
    Series { name: "cwnd", color: "#d55e00", value: |point| Some(point.cwnd) },
];

const ROUND_TRIPS: [Series; 1] =
    [Series { name: "smoothed RTT", color: "#009e73", value: |point| point.srtt_ns }];

const TIMEOUTS: [Series; 1] = [Series { name: "RTO", color: "#cc79a7", value: |point| Some(point.rto_ns) }];

impl Plot {
    /// Takes a sample in. They come in the order of time.
    pub fn push(&mut self, side: Side, sample: &Sample) {
        let variables = &sample.variables;
        if !variables.state.is_synchronized() {
            return;
        }
        let nanos = |duration| crate::link::nanos(duration);
        let point = Point {
            at_ns: sample.at_ns,
            cwnd: variables.cwnd.into(),
            flight: variables.in_flight.into(),
            ssthresh: Some(variables.ssthresh).filter(|most| *most < 1 << 30).map(u64::from),
            srtt_ns: variables.srtt.map(nanos),
            rto_ns: nanos(variables.rto),
        };
        let [client, server] = &mut self.sides;
        let samples = if side == Side::Client { client } else { server };
        samples.events += u64::from(point.flight > 0);
        let is_same =
            samples.points.last().is_some_and(|last| Point { at_ns: point.at_ns, ..*last } == point);
        if !is_same {
            samples.points.push(point);
            samples.thin_out();
        }
    }

    /// The SVG document.
    #[must_use]
    pub fn to_svg(&self, title: &str) -> String {
        let mut svg = String::new();
        // Writing to a string does not fail.
        let _infallible = self.draw(title, &mut svg);
        svg
    }

    fn draw(&self, title: &str, svg: &mut String) -> fmt::Result {
        let [client, server] = &self.sides;
        let side = if server.events > client.events { Side::Server } else { Side::Client };
        let points = if side == Side::Server { &server.points } else { &client.points };
        let height = TOP + PANELS * (PANEL_HEIGHT + PANEL_GAP);
        writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"24\" font-size=\"16\">{}: {}</text>",
            escaped(title),
            side.name()
        )?;
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return writeln!(svg, "<text x=\"{LEFT}\" y=\"{TOP}\">no connection opened</text>\n</svg>");
        };
        let span = Span { from_ns: first.at_ns, ns: last.at_ns.saturating_sub(first.at_ns).max(1) };
        let (bytes, ms) = (Unit { name: "bytes", divisor: 1 }, Unit { name: "ms", divisor: 1_000_000 });
        let panels: [(&[Series], Unit); PANELS as usize] =
            [(&WINDOWS, bytes), (&ROUND_TRIPS, ms), (&TIMEOUTS, ms)];
        for (n, (series, unit)) in (0..).zip(panels) {
            panel(svg, points, span, series, TOP + n * (PANEL_HEIGHT + PANEL_GAP), unit)?;
        }
        writeln!(svg, "</svg>")
    }
}

/// The time that is drawn.
#[derive(Clone, Copy)]
struct Span {
    from_ns: u64,
    ns: u64,
}

impl Span {
    fn column(self, at_ns: u64) -> u64 {
        let offset = u128::from(at_ns.saturating_sub(self.from_ns));
        u64::try_from(offset * u128::from(COLUMNS) / u128::from(self.ns)).unwrap_or(COLUMNS)
    }
}

/// What a panel counts in.
#[derive(Clone, Copy)]
struct Unit {
    name: &'static str,
    divisor: u64,
}

fn panel(
    svg: &mut String,
    points: &[Point],
    span: Span,
    all: &[Series],
    top: u64,
    unit: Unit,
) -> fmt::Result {
    let values = all.iter().flat_map(|series| points.iter().filter_map(series.value));
    let step = nice_step(values.max().unwrap_or(0).max(unit.divisor) / 5);
    let ceiling = values_ceiling(all, points, step);
    let bottom = top + PANEL_HEIGHT;
    let y = |value: u64| {
        let height = u128::from(value) * u128::from(PANEL_HEIGHT) / u128::from(ceiling.max(1));
        bottom.saturating_sub(u64::try_from(height).unwrap_or(PANEL_HEIGHT))
    };
    for value in (0..=ceiling / step).map(|n| n * step) {
        let at = y(value);
        writeln!(
            svg,
            "<line x1=\"{LEFT}\" y1=\"{at}\" x2=\"{}\" y2=\"{at}\" stroke=\"#e5e5e5\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6,
            at + 4,
            in_units(value, unit.divisor)
        )?;
    }
    let tick_ns = nice_step(span.ns / 8);
    for n in 0..=span.ns / tick_ns {
        let x = LEFT + span.column(span.from_ns + n * tick_ns);
        writeln!(
            svg,
            "<line x1=\"{x}\" y1=\"{bottom}\" x2=\"{x}\" y2=\"{}\" stroke=\"#666666\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{} s</text>",
            bottom + 4,
            bottom + 18,
            in_units(n * tick_ns, 1_000_000_000)
        )?;
    }
    writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", LEFT - 6, top - 10, unit.name)?;
    for (n, series) in (0..).zip(all) {
        let x = LEFT + n * 130;
        writeln!(
            svg,
            "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{color}\" stroke-width=\"3\"/>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            x + 20,
            x + 26,
            top - 8,
            series.name,
            y = top - 12,
            color = series.color
        )?;
        writeln!(
            svg,
            "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>",
            path(points, span, series, y),
            series.color
        )?;
    }
    Ok(())
}

fn values_ceiling(all: &[Series], points: &[Point], step: u64) -> u64 {
    let most = all.iter().flat_map(|series| points.iter().filter_map(series.value)).max().unwrap_or(0);
    most.div_ceil(step).max(1).saturating_mul(step)
}

/// Steps: a value holds until the next one.
fn path(points: &[Point], span: Span, series: &Series, y: impl Fn(u64) -> u64) -> String {
    let mut path = String::new();
    let mut put = |command: &str, at: u64| {
        let _infallible = write!(path, "{command}{at}");
    };
    let known: Vec<_> =
        points.iter().filter_map(|point| Some((span.column(point.at_ns), (series.value)(point)?))).collect();
    let mut is_begun = false;
    for column in known.chunk_by(|a, b| a.0 == b.0) {
        let (Some(&(x, first)), Some(&(_, last))) = (column.first(), column.last()) else { continue };
        let values = column.iter().map(|(_, value)| *value);
        let (least, most) = (values.clone().min().unwrap_or(first), values.max().unwrap_or(first));
        if is_begun {
            put("H", LEFT + x);
        } else {
            put("M", LEFT + x);
            put(" ", y(first));
        }
        is_begun = true;
        put("V", y(first));
        if column.len() > 2 {
            put("V", y(least));
            put("V", y(most));
        }
        put("V", y(last));
    }
    if is_begun {
        put("H", LEFT + COLUMNS);
    }
    path
}

/// The next of 1, 2, 5, 10, 20, 50, … that is not less.
fn nice_step(least: u64) -> u64 {
    let mut power = 1u64;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if step >= least {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// A multiple of a step, in units, with as few decimals as it takes.
fn in_units(value: u64, divisor: u64) -> String {
    let (whole, rest) = (value / divisor, value % divisor);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = divisor.ilog10() as usize;
    format!("{whole}.{rest:0digits$}").trim_end_matches('0').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round() {
        assert_eq!([0, 1, 3, 7, 11, 4999].map(nice_step), [1, 1, 5, 10, 20, 5000]);
        assert_eq!(in_units(1_500_000_000, 1_000_000_000), "1.5");
        assert_eq!(in_units(20, 1), "20");
    }

    #[test]
    fn a_long_run_is_thinned_out_and_keeps_its_peaks() {
        let mut samples = Samples::default();
        for at_ns in 0..1_000_000 {
            let cwnd = if at_ns == 123_456 { 999_999 } else { at_ns % 1000 };
            let point = Point { at_ns, cwnd, flight: 0, ssthresh: None, srtt_ns: None, rto_ns: 1 };
            samples.points.push(point);
            samples.thin_out();
        }
        assert!(samples.points.len() < MAX_POINTS);
        assert!(samples.points.iter().any(|point| (point.at_ns, point.cwnd) == (123_456, 999_999)));
        assert!(samples.points.is_sorted_by_key(|point| point.at_ns));
    }

    #[test]
    fn nothing_to_draw_is_said() {
        let svg = Plot::default().to_svg("a < b");
        assert!(
            svg.contains("a &lt; b") && svg.contains("no connection opened") && svg.ends_with("</svg>\n")
        );
    }
}
