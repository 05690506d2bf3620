//! History as OpenMetrics text, for `promtool tsdb create-blocks-from openmetrics`; and the checker of such text: promtool
//! takes milliseconds and times that run backwards without a word.
//!
//! <https://github.com/prometheus/docs/blob/main/docs/specs/om/open_metrics_spec.md>

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, BufRead, Write};

use super::prometheus::Families;

/// Seconds until the year 2100: what is beyond are milliseconds.
const LATEST_SECOND: i64 = 4_102_444_800;

/// The samples of many moments, family by family.
#[derive(Debug, Default)]
pub struct History {
    /// The moments, ascending.
    seconds: Vec<i64>,
    families: BTreeMap<String, Family>,
}

#[derive(Debug)]
struct Family {
    help: String,
    /// By the labels as JSON: there may be a million, and a list of texts takes five times as much.
    series: BTreeMap<Box<str>, Values>,
}

/// The values of one series.
#[derive(Debug)]
struct Values {
    /// The place of the moment of the first of them.
    first: usize,
    /// One for each moment from the first on. Not a number where there is none.
    values: Vec<f64>,
}

/// One series of a history.
#[derive(Debug, Clone)]
pub struct HistorySeries<'a> {
    /// The name of the metric.
    pub name: &'a str,
    /// Its labels.
    pub labels: Labels,
    /// Its points: seconds and values, ascending.
    pub points: Vec<(i64, f64)>,
}

/// The labels of a series, as they are shown.
type Labels = Vec<(String, String)>;

impl History {
    /// Adds samples of a moment: the last one, or a later one.
    pub fn add(&mut self, second: i64, families: &Families) {
        if self.seconds.last() != Some(&second) {
            self.seconds.push(second);
        }
        let now = self.seconds.len() - 1;
        families.for_each_gauge(|name, help, labels, value| {
            let new = || Family { help: help.to_owned(), series: BTreeMap::new() };
            let family = self.families.entry(name.to_owned()).or_insert_with(new);
            let key = serde_json::json!(labels).to_string().into_boxed_str();
            let Values { first, values } =
                family.series.entry(key).or_insert(Values { first: now, values: Vec::new() });
            values.resize(now - *first, f64::NAN);
            values.push(value);
        });
    }

    /// Every series.
    pub fn series(&self) -> impl Iterator<Item = HistorySeries<'_>> {
        self.families.iter().flat_map(|(name, family)| self.series_of(name, family))
    }

    fn series_of<'a>(&'a self, name: &'a str, family: &'a Family) -> impl Iterator<Item = HistorySeries<'a>> {
        family.series.iter().map(move |(labels, Values { first, values })| {
            let points = self.seconds[*first..].iter().copied().zip(values.iter().copied());
            HistorySeries {
                name,
                labels: serde_json::from_str(labels).unwrap_or_default(),
                points: points.filter(|(_, value)| !value.is_nan()).collect(),
            }
        })
    }

    /// How many samples there are.
    pub fn samples(&self) -> usize {
        let values = self.families.values().flat_map(|family| family.series.values()).flat_map(|it| &it.values);
        values.filter(|value| !value.is_nan()).count()
    }

    /// Writes the text, with the mark of its end.
    ///
    /// # Errors
    /// The writer fails.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        for (name, family) in &self.families {
            writeln!(to, "# TYPE {name} gauge")?;
            writeln!(to, "# HELP {name} {}", escaped(&family.help))?;
            for HistorySeries { labels, points, .. } in self.series_of(name, family) {
                let labels = label_text(&labels);
                for (second, value) in points {
                    writeln!(to, "{name}{labels} {value} {second}")?;
                }
            }
        }
        writeln!(to, "# EOF")
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn label_text(labels: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in labels {
        let _ = write!(text, "{}{name}=\"{}\"", if text.is_empty() { "{" } else { "," }, escaped(value));
    }
    if !text.is_empty() {
        text.push('}');
    }
    text
}

/// What a checked text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Families of metrics.
    pub families: usize,
    /// Series.
    pub series: usize,
    /// Samples.
    pub samples: usize,
    /// The first and the last second.
    pub span: (i64, i64),
}

/// Checks a text that is to be imported: families are not torn apart, each series has ascending times in whole seconds and
/// none twice, values are numbers, and the text has its end.
///
/// # Errors
/// A sentence with the line that is wrong.
pub fn check(text: impl BufRead) -> Result<Checked, String> {
    let mut state = Check::default();
    for (number, line) in text.lines().enumerate() {
        let line = line.map_err(|error| format!("line {}: cannot be read: {error}", number + 1))?;
        state.line(&line).map_err(|problem| format!("line {}: {problem}", number + 1))?;
    }
    if !state.ended {
        return Err("the text has no \"# EOF\" at its end: it was cut off".to_owned());
    }
    let span = state.span.unwrap_or_default();
    Ok(Checked { families: state.families.len(), series: state.series, samples: state.samples, span })
}

#[derive(Default)]
struct Check {
    families: BTreeSet<String>,
    family: String,
    /// The labels of the family's series that have been seen, and the last second of the present one.
    seen: BTreeSet<String>,
    last: Option<(String, i64)>,
    series: usize,
    samples: usize,
    span: Option<(i64, i64)>,
    ended: bool,
}

impl Check {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if self.ended {
            return Err("something follows \"# EOF\"".to_owned());
        }
        if line == "# EOF" {
            self.ended = true;
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let name = rest.split(' ').next().unwrap_or_default().to_owned();
            if !self.families.insert(name.clone()) {
                return Err(format!("the family {name} comes a second time: its samples must stand together"));
            }
            self.family = name;
            self.seen.clear();
            self.last = None;
            return Ok(());
        }
        if line.starts_with("# ") {
            return Ok(());
        }
        self.sample(line)
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let mut parts = line.rsplitn(3, ' ');
        let (Some(second), Some(value), Some(series)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("expected a series, a value and a time in seconds".to_owned());
        };
        let second: i64 = second.parse().map_err(|_| format!("\"{second}\" is no time in whole seconds"))?;
        if !(0..LATEST_SECOND).contains(&second) {
            return Err(format!("{second} is no time in seconds; are these milliseconds?"));
        }
        let value: f64 = value.parse().map_err(|_| format!("\"{value}\" is no value"))?;
        if !value.is_finite() {
            return Err(format!("{value} tells nothing: leave the sample out"));
        }
        if series.split('{').next() != Some(self.family.as_str()) {
            return Err(format!("the sample does not belong to the family {}", self.family));
        }
        match &self.last {
            Some((known, last)) if known == series => {
                if second <= *last {
                    return Err(format!("the time {second} does not come after {last}"));
                }
            }
            _ => {
                if !self.seen.insert(series.to_owned()) {
                    return Err(format!("the series {series} comes a second time"));
                }
                self.series += 1;
            }
        }
        self.last = Some((series.to_owned(), second));
        self.samples += 1;
        let (first, last) = self.span.unwrap_or((second, second));
        self.span = Some((first.min(second), last.max(second)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        check(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn what_is_written_is_found_good() {
        let mut history = History::default();
        for second in [1_760_000_000, 1_760_086_400] {
            let mut families = Families::default();
            families.gauge("chiplog_a_seconds", "A \"quoted\" help.", &[("team", "pay\"ments")], 1.5);
            families.gauge("chiplog_b_ratio", "B.", &[], 0.25);
            history.add(second, &families);
        }
        let mut text = Vec::new();
        history.write(&mut text).unwrap();
        let checked = check(text.as_slice()).unwrap();
        assert_eq!(checked, Checked { families: 2, series: 2, samples: 4, span: (1_760_000_000, 1_760_086_400) });
        assert_eq!(history.samples(), 4);
    }

    #[test]
    fn a_series_has_points_where_it_had_a_value_and_no_others() {
        let mut history = History::default();
        for (second, value) in [(10, None), (20, Some(1.5)), (30, None), (40, Some(2.5)), (50, None)] {
            let mut families = Families::default();
            families.gauge("a", "A.", &[], 0.0);
            if let Some(value) = value {
                families.gauge("b", "B.", &[("team", "pay\"ments")], value);
            }
            history.add(second, &families);
        }
        let told: Vec<_> = history.series().map(|series| (series.name, series.labels, series.points)).collect();
        let of_a = [10, 20, 30, 40, 50].map(|second| (second, 0.0)).to_vec();
        let labels = vec![("team".to_owned(), "pay\"ments".to_owned())];
        assert_eq!(told, [("a", Vec::new(), of_a), ("b", labels, vec![(20, 1.5), (40, 2.5)])]);
        assert_eq!(history.samples(), 7);
    }

    #[test]
    fn what_promtool_would_take_in_silence_is_told() {
        let good = "# TYPE a gauge\na{x=\"1\"} 1 1760000000\na{x=\"1\"} 2 1760086400\n";
        assert!(problem(good).contains("cut off"));
        assert!(
            problem("# TYPE a gauge\na 1 1760000000000\n# EOF\n")
                .starts_with("line 2: 1760000000000 is no time in seconds")
        );
        assert!(problem("# TYPE a gauge\na 1 1760000000\na 2 1760000000\n# EOF\n").contains("does not come after"));
        assert!(
            problem("# TYPE a gauge\na 1 5\n# TYPE b gauge\nb 1 5\n# TYPE a gauge\n# EOF\n").contains("second time")
        );
        let torn = "# TYPE a gauge\na{x=\"1\"} 1 5\na{x=\"2\"} 1 5\na{x=\"1\"} 1 6\n# EOF\n";
        assert!(problem(torn).contains("comes a second time"));
        assert!(problem("# TYPE a gauge\na NaN 5\n# EOF\n").contains("leave the sample out"));
        assert!(problem("# TYPE a gauge\nb 1 5\n# EOF\n").contains("does not belong"));
    }
}
