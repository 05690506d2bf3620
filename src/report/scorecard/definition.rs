//! What the scorecards ask for.

use std::sync::LazyLock;

use chrono::NaiveDate;
use serde::Deserialize;

use super::quantity::{parse_quantity, unit_of};
use crate::facts::Moment;
use crate::kpi::{Kpi, LONGEST_VIEW, Parts, Statistic, Window, find};

/// The scorecard of one role.
#[derive(Debug, Clone)]
pub struct Scorecard {
    /// The role's id: `software-engineer`.
    pub role: String,
    /// The role's name.
    pub title: String,
    /// Its rows, in order.
    pub rows: Vec<ScorecardRow>,
}

/// One row of a scorecard.
#[derive(Debug, Clone)]
pub struct ScorecardRow {
    /// The id, unique within the role.
    pub id: String,
    /// The title, as the role's table has it.
    pub title: String,
    /// How often it is looked at.
    pub frequency: String,
    /// What is measured for it, at least one.
    pub measures: Vec<Measure>,
}

/// One statistic of one KPI with its target.
#[derive(Debug, Clone)]
pub struct Measure {
    /// The KPI.
    pub kpi: &'static Kpi,
    /// The part; the KPI as a whole unless given.
    pub part: Option<&'static str>,
    /// The statistic.
    pub statistic: Statistic,
    /// The window it is taken over.
    pub window: Window,
    /// Only services of this tier or a more critical one.
    pub tier: Option<u8>,
    /// What it should be.
    pub target: Target,
    /// Since when this target holds, as recorded.
    pub since: Option<Moment>,
}

/// What a statistic should be: within bounds, or moving the right way.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// At least.
    pub min: Option<f64>,
    /// At most.
    pub max: Option<f64>,
    /// Compared with an earlier span.
    pub trend: Option<Trend>,
    /// Whether the team has set it itself.
    pub own: bool,
}

/// A comparison with the same window some time earlier.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// Which way.
    pub way: Way,
    /// By what share of the earlier value.
    pub by: f64,
    /// How many days earlier.
    pub over_days: i64,
    /// From here on the trend need not go on.
    pub until: Option<f64>,
}

/// Which way a trend should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Falling.
    Down,
    /// Rising.
    Up,
    /// Neither.
    Stable,
}

/// A bound that a team has set for itself.
#[derive(Debug, Clone)]
pub struct TeamTarget {
    /// The role; all roles unless given.
    pub role: Option<String>,
    /// The KPI.
    pub kpi: &'static Kpi,
    /// The part, where a row has several of one KPI.
    pub part: Option<&'static str>,
    /// The statistic, where a row has several of one KPI.
    pub statistic: Option<Statistic>,
    /// At least.
    pub min: Option<f64>,
    /// At most.
    pub max: Option<f64>,
    /// The day from which it holds; the day on which it is first seen unless given.
    pub since: Option<NaiveDate>,
}

impl Measure {
    /// The key of the measure within a row: KPI, part and statistic.
    pub fn key(&self) -> String {
        let part = self.part.map(|part| format!("/{part}")).unwrap_or_default();
        format!("{}{part}/{}", self.kpi.id, self.statistic.label())
    }

    /// What distinguishes its bounds from those of other measures of the same KPI in a row: nothing for the headline.
    pub fn qualifier(&self) -> String {
        let statistic = (self.statistic != self.kpi.headline).then(|| self.statistic.label());
        [self.part, statistic].into_iter().flatten().map(|word| format!("{word}_")).collect()
    }
}

impl TeamTarget {
    /// Whether it is meant for a measure of a role.
    pub fn concerns(&self, role: &str, measure: &Measure) -> bool {
        self.role.as_deref().is_none_or(|own| own == role)
            && self.kpi.id == measure.kpi.id
            && self.part.is_none_or(|part| measure.part == Some(part))
            && self.statistic.is_none_or(|statistic| measure.statistic == statistic)
    }
}

/// The scorecards as a team has them: with its own bounds in place of the usual ones.
pub fn with_targets(targets: &[TeamTarget]) -> Vec<Scorecard> {
    let mut cards = scorecards().to_vec();
    for card in &mut cards {
        for measure in card.rows.iter_mut().flat_map(|row| &mut row.measures) {
            if let Some(own) = targets.iter().rfind(|target| target.concerns(&card.role, measure)) {
                measure.target = Target { min: own.min, max: own.max, trend: None, own: true };
                measure.since = own.since.and_then(|day| day.and_hms_opt(0, 0, 0)).map(|midnight| midnight.and_utc());
            }
        }
    }
    cards
}

/// The scorecards of all roles.
#[expect(clippy::expect_used, reason = "the files are compiled in and read by a test")]
pub fn scorecards() -> &'static [Scorecard] {
    static SCORECARDS: LazyLock<Vec<Scorecard>> = LazyLock::new(|| {
        let texts = [
            include_str!("../../../config/scorecards/software-engineer.toml"),
            include_str!("../../../config/scorecards/senior-software-engineer.toml"),
            include_str!("../../../config/scorecards/engineering-manager.toml"),
        ];
        texts.into_iter().map(|text| parse(text).expect("a valid scorecard")).collect()
    });
    &SCORECARDS
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardTable {
    role: String,
    title: String,
    row: Vec<RowTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowTable {
    id: String,
    title: String,
    frequency: String,
    measures: Vec<MeasureTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MeasureTable {
    kpi: String,
    part: Option<String>,
    statistic: Option<String>,
    window: Option<String>,
    tier: Option<u8>,
    max: Option<String>,
    min: Option<String>,
    trend: Option<Way>,
    by: Option<String>,
    over: Option<String>,
    until: Option<String>,
}

fn parse(text: &str) -> Result<Scorecard, String> {
    let card: CardTable = toml::from_str(text).map_err(|error| error.to_string())?;
    let rows = card.row.into_iter().map(|row| {
        let measures = row.measures.into_iter().map(|table| measure(table).map_err(|why| format!("{}: {why}", row.id)));
        Ok(ScorecardRow {
            measures: measures.collect::<Result<_, String>>()?,
            id: row.id,
            title: row.title,
            frequency: row.frequency,
        })
    });
    Ok(Scorecard { rows: rows.collect::<Result<_, String>>()?, role: card.role, title: card.title })
}

fn measure(table: MeasureTable) -> Result<Measure, String> {
    let kpi = find(&table.kpi).ok_or_else(|| format!("there is no KPI {}", table.kpi))?;
    let part = table.part.map(|part| part_of(kpi, &part)).transpose()?;
    let statistic = table.statistic.map(|label| statistic_of(&label)).transpose()?.unwrap_or(kpi.headline);
    let window = table.window.as_deref().unwrap_or("28d");
    let window = Window::ALL.into_iter().find(|known| known.label() == window);
    let unit = unit_of(kpi, statistic);
    let quantity = |text: Option<String>| text.map(|text| parse_quantity(unit, &text)).transpose();
    let until = quantity(table.until)?;
    let by = table.by.map(|text| parse_quantity(crate::kpi::Unit::Ratio, &text)).transpose()?;
    let over =
        table.over.map(|text| humantime::parse_duration(&text).map_err(|error| error.to_string())).transpose()?;
    let trend = match (table.trend, over) {
        (None, None) => None,
        (Some(way), Some(over)) => {
            let over_days = i64::try_from(over.as_secs() / 86_400).map_err(|error| error.to_string())?;
            Some(Trend { way, by: by.unwrap_or(0.0), over_days, until })
        }
        _ => return Err("trend and over go together".to_owned()),
    };
    let target = Target { min: quantity(table.min)?, max: quantity(table.max)?, trend, own: false };
    if target.min.is_none() && target.max.is_none() && target.trend.is_none() {
        return Err(format!("{} has no target", table.kpi));
    }
    let window = window.ok_or("window must be one of 7d, 28d, 84d and 364d")?;
    let longest = LONGEST_VIEW.num_days();
    if target.trend.as_ref().is_some_and(|trend| trend.over_days > longest - window.days()) {
        return Err(format!("{}: window and over reach back more than {longest} days together", kpi.id));
    }
    Ok(Measure { kpi, part, statistic, window, tier: table.tier, target, since: None })
}

/// The part of a KPI that has this name.
pub(super) fn part_of(kpi: &Kpi, name: &str) -> Result<&'static str, String> {
    let values = match kpi.parts {
        Parts::Alternatives { values, .. } | Parts::Breakdown { values, .. } => values,
        Parts::Whole => &[],
    };
    let found = values.iter().find(|value| **value == name).copied();
    found.ok_or_else(|| format!("{} has no part \"{name}\": known are {}", kpi.id, values.join(", ")))
}

/// The statistic of this label.
pub(super) fn statistic_of(label: &str) -> Result<Statistic, String> {
    let found = Statistic::ALL.into_iter().find(|statistic| statistic.label() == label);
    let known = Statistic::ALL.map(Statistic::label).join(", ");
    found.ok_or_else(|| format!("there is no statistic \"{label}\": known are {known}"))
}

impl TeamTarget {
    /// Reads a team's bounds for one KPI; `part` and `statistic` are needed only where rows have several.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what is known.
    pub fn parse(
        role: Option<String>,
        kpi: &str,
        part: Option<&str>,
        statistic: Option<&str>,
        bounds: [Option<&str>; 2],
    ) -> Result<Self, String> {
        let known = find(kpi).ok_or_else(|| format!("there is no KPI \"{kpi}\""))?;
        let statistic = statistic.map(statistic_of).transpose()?;
        let unit = unit_of(known, statistic.unwrap_or(known.headline));
        let [min, max] = bounds.map(|text| text.map(|text| parse_quantity(unit, text)).transpose());
        let part = part.map(|part| part_of(known, part)).transpose()?;
        let target = Self { role, kpi: known, part, statistic, min: min?, max: max?, since: None };
        let mut measures = scorecards().iter().flat_map(|card| card.rows.iter().map(move |row| (card, row)));
        if !measures.any(|(card, row)| row.measures.iter().any(|measure| target.concerns(&card.role, measure))) {
            return Err(format!("no scorecard of that role has a row for {kpi} with that part and statistic"));
        }
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn three_roles_have_sixty_one_rows_whose_bounds_are_told_apart() {
        let counts: Vec<(&str, usize)> =
            scorecards().iter().map(|card| (card.role.as_str(), card.rows.len())).collect();
        assert_eq!(counts, [("software-engineer", 21), ("senior-software-engineer", 19), ("engineering-manager", 21)]);
        for card in scorecards() {
            let ids: BTreeSet<&str> = card.rows.iter().map(|row| row.id.as_str()).collect();
            assert_eq!(ids.len(), card.rows.len(), "{}", card.role);
            for row in &card.rows {
                let keys: BTreeSet<String> =
                    row.measures.iter().map(|measure| format!("{}{}", measure.kpi.id, measure.qualifier())).collect();
                assert_eq!(keys.len(), row.measures.len(), "{}: {keys:?}", row.id);
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_row_is_told() {
        let row = |measure: &str| {
            let text = format!(
                "role = \"r\"\ntitle = \"R\"\n[[row]]\nid = \"x\"\ntitle = \"X\"\nfrequency = \"weekly\"\nmeasures = [{measure}]"
            );
            parse(&text).unwrap_err()
        };
        assert_eq!(row("{ kpi = \"speed\", max = \"1\" }"), "x: there is no KPI speed");
        assert_eq!(row("{ kpi = \"throughput\" }"), "x: throughput has no target");
        assert_eq!(row("{ kpi = \"throughput\", trend = \"up\" }"), "x: trend and over go together");
    }

    #[test]
    fn a_team_sets_its_own_bound() {
        let own = TeamTarget::parse(None, "lead_time_for_changes", None, None, [None, Some("1d")]).unwrap();
        let cards = with_targets(&[own]);
        let measures = cards.iter().flat_map(|card| &card.rows).flat_map(|row| &row.measures);
        let changed: Vec<_> = measures.filter(|measure| measure.target.own).collect();
        assert_eq!(changed.len(), 3);
        assert!(changed.iter().all(|measure| measure.target.max == Some(86_400.0) && measure.target.trend.is_none()));
        let wrong = TeamTarget::parse(Some("cook".to_owned()), "throughput", None, None, [Some("1/day"), None]);
        assert!(wrong.unwrap_err().starts_with("no scorecard of that role"));
    }
}
