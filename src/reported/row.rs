//! From the cells of a row to a fact.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Duration, NaiveDate};

use super::template::{Column, Role, Template};
use crate::facts::{Moment, PersonHasher, ReportedValue};

/// What rows are checked against.
#[derive(Debug, Clone)]
pub struct Known {
    /// The slugs of the configured teams.
    pub teams: BTreeSet<String>,
    /// Hashes logins.
    pub people: PersonHasher,
    /// When the rows are reported.
    pub now: Moment,
}

/// Makes a fact of the cells of a row, by column.
///
/// # Errors
/// A sentence that names the column, what was expected and how to mend it.
pub(super) fn fact(
    template: &Template,
    cells: &BTreeMap<&str, String>,
    known: &Known,
) -> Result<ReportedValue, String> {
    let mut fact = ReportedValue {
        template: template.id.to_owned(),
        id: String::new(),
        team: None,
        service: None,
        began_at: None,
        at: known.now,
        ended: true,
        value: 0.0,
        cases: 1.0,
        segment: None,
        person: None,
        reported_at: known.now,
    };
    let mut divided = false;
    for column in template.columns {
        let cell = cells.get(column.name).map(|cell| cell.trim()).filter(|cell| !cell.is_empty());
        match cell {
            Some(cell) => {
                let wrong = |problem: String| format!("{}: \"{}\" {problem}", column.name, shown(column, cell));
                take(&mut fact, column, cell, known).map_err(wrong)?;
            }
            None if column.required => return Err(format!("{}: is empty; {}", column.name, column.meaning)),
            None if column.role == Role::Ended => fact.ended = false,
            None => {}
        }
        divided |= matches!(column.role, Role::Part(_));
    }
    if divided {
        let of = |is: fn(Role) -> bool| template.columns.iter().find(|it| is(it.role)).map_or("", |it| it.name);
        let (part, cases) = (of(|role| matches!(role, Role::Part(_))), of(|role| matches!(role, Role::Cases(_))));
        // Money may exceed what it bought; people and offers may not.
        if template.id != "unit_cost" && fact.value > fact.cases {
            return Err(format!("{part}: {} of {} {cases} cannot be", fact.value, fact.cases));
        }
        fact.value /= fact.cases;
    }
    let says_when = template.columns.iter().any(|column| column.role == Role::At);
    if let (Some(began_at), false) =
        (fact.began_at, says_when || (fact.ended && template.columns.iter().any(|column| column.role == Role::Ended)))
    {
        // What has not ended, or only begins, counts from its beginning: the same row again is the same fact.
        fact.at = began_at;
    }
    if fact.began_at.is_some_and(|began| began > fact.at) {
        return Err("it ends before it begins: exchange the two dates".to_owned());
    }
    Ok(fact)
}

/// A cell as it may be shown: never that of a person.
fn shown<'a>(column: &Column, cell: &'a str) -> &'a str {
    if column.role == Role::Person { "…" } else { cell }
}

fn take(fact: &mut ReportedValue, column: &Column, cell: &str, known: &Known) -> Result<(), String> {
    match column.role {
        Role::Id if cell.len() > 200 => return Err("is longer than 200 characters".to_owned()),
        Role::Id => cell.clone_into(&mut fact.id),
        Role::Team => {
            if !known.teams.contains(cell) {
                let teams = known.teams.iter().cloned().collect::<Vec<_>>().join(", ");
                return Err(format!("is no team of the configuration: known are {teams}"));
            }
            fact.team = Some(cell.to_owned());
        }
        Role::Service => fact.service = Some(cell.to_owned()),
        Role::At | Role::Ended => fact.at = moment(cell, known.now)?,
        Role::Began => fact.began_at = Some(moment(cell, known.now)?),
        Role::Value(lowest, highest) => {
            fact.value = number(cell)?;
            if !(lowest..=highest).contains(&fact.value) {
                return Err(format!("is out of range: expected {}", column.meaning));
            }
        }
        Role::Part(highest) => fact.value = between(0.0, highest, cell)?,
        Role::Cases(highest) => fact.cases = between(FEWEST_CASES, highest, cell)?,
        Role::Holds => {
            fact.value = match cell.to_lowercase().as_str() {
                "yes" | "true" | "1" => 1.0,
                "no" | "false" | "0" => 0.0,
                _ => return Err("is neither yes nor no".to_owned()),
            }
        }
        Role::Segment => fact.segment = Some(cell.to_owned()),
        Role::Person => fact.person = Some(known.people.person(cell, false)),
    }
    Ok(())
}

fn number(cell: &str) -> Result<f64, String> {
    let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| "is no number: write for example 4 or 0.95".to_owned())
}

/// Cases may be parts of one, such as millions of orders or half a position; what nobody and nothing stands behind says nothing.
const FEWEST_CASES: f64 = 1e-6;

fn between(lowest: f64, highest: f64, cell: &str) -> Result<f64, String> {
    let number = number(cell)?;
    if (lowest..=highest).contains(&number) {
        return Ok(number);
    }
    Err(format!("is out of range: expected {lowest} to {highest}; leave rows out that nothing stands behind"))
}

/// A day stands for its noon, which lies within the same day almost everywhere; today counts at once.
fn moment(cell: &str, now: Moment) -> Result<Moment, String> {
    let noon = |day: NaiveDate| day.and_hms_opt(12, 0, 0).map(|noon| noon.and_utc());
    let noon = |day: NaiveDate| noon(day).map(|noon| if day == now.date_naive() { noon.min(now) } else { noon });
    let moment = cell.parse::<NaiveDate>().ok().and_then(noon).or_else(|| cell.parse::<Moment>().ok());
    match moment {
        None => Err("is no day: write for example 2026-09-30".to_owned()),
        Some(moment) if moment < Moment::UNIX_EPOCH => Err("lies before 1970".to_owned()),
        // Somewhere it is tomorrow already: fourteen hours ahead.
        Some(moment) if moment > now + Duration::hours(12 + 14) => Err("lies in the future".to_owned()),
        Some(moment) => Ok(moment),
    }
}

#[cfg(test)]
mod tests {
    use super::super::template::{TEMPLATES, find};
    use super::*;

    fn known() -> Known {
        Known {
            teams: ["payments".to_owned()].into(),
            people: PersonHasher::new("key"),
            now: "2026-10-10T00:00:00Z".parse().unwrap(),
        }
    }

    fn row(template: &str, cells: &[(&'static str, &str)]) -> Result<ReportedValue, String> {
        let cells = cells.iter().map(|(name, cell)| (*name, (*cell).to_owned())).collect();
        fact(find(template).unwrap(), &cells, &known())
    }

    #[test]
    fn the_example_of_every_template_is_a_good_row() {
        for template in TEMPLATES {
            let cells: BTreeMap<&str, String> =
                template.columns.iter().map(|column| (column.name, column.example.to_owned())).collect();
            let made = fact(template, &cells, &known());
            assert!(made.is_ok(), "{}: {made:?}", template.id);
            assert!(template.csv().lines().count() > template.columns.len(), "{}", template.id);
        }
    }

    #[test]
    fn parts_are_divided_and_positions_may_be_open() {
        let offers = [("id", "1"), ("team", "payments"), ("date", "2026-09-30"), ("accepted", "3"), ("offers", "4")];
        let made = row("offer_acceptance_rate", &offers).unwrap();
        assert_eq!((made.value, made.cases), (0.75, 4.0));
        let made = row("hiring_time_to_fill", &[("id", "1"), ("team", "payments"), ("opened", "2026-06-01")]).unwrap();
        assert!(!made.ended && made.began_at.is_some());
    }

    #[test]
    fn nobody_and_absurd_numbers_stand_behind_no_row() {
        let made = |template: &str, of: (&'static str, &str), more: [(&'static str, &str); 2]| {
            let mut cells = vec![("id", "1"), of, ("date", "2026-09-30")];
            cells.extend(more);
            row(template, &cells)
        };
        let beyond = "is out of range: expected 0.000001 to 1000000; leave rows out that nothing stands behind";
        let team = ("team", "payments");
        for answers in ["0", "-1", "1e308"] {
            let told = made("team_engagement", team, [("score", "4"), ("answers", answers)]).unwrap_err();
            assert_eq!(told, format!("answers: \"{answers}\" {beyond}"));
        }
        let told = made("regrettable_attrition", team, [("leavers", "1"), ("headcount", "0")]).unwrap_err();
        assert_eq!(told, format!("headcount: \"0\" {beyond}"));
        let cost =
            |cost: &str, volume: &str| made("unit_cost", ("service", "ledger"), [("cost", cost), ("volume", volume)]);
        let told = cost("1e308", "10").unwrap_err();
        assert!(told.starts_with("cost: \"1e308\" is out of range: expected 0 to 1000000000000000;"), "{told}");
        assert!(cost("10", "0").unwrap_err().starts_with("volume: \"0\" is out of range"));
        assert_eq!(cost("3", "0.5").unwrap().value, 6.0);
    }

    #[test]
    fn a_day_stands_for_its_noon_and_today_counts_at_once() {
        let at = |text: &str| text.parse::<Moment>().unwrap();
        let told = |cell: &str, now: &str| moment(cell, at(now));
        assert_eq!(told("2026-10-09", "2026-10-10T09:00:00Z"), Ok(at("2026-10-09T12:00:00Z")));
        assert_eq!(told("2026-10-10", "2026-10-10T09:00:00Z"), Ok(at("2026-10-10T09:00:00Z")));
        assert_eq!(told("2026-10-10", "2026-10-10T15:00:00Z"), Ok(at("2026-10-10T12:00:00Z")));
        // In Auckland the 11th has begun at ten o'clock.
        assert_eq!(told("2026-10-11", "2026-10-10T10:00:00Z"), Ok(at("2026-10-11T12:00:00Z")));
        assert!(told("2026-10-11", "2026-10-10T09:59:59Z").is_err());
    }

    #[test]
    fn what_is_wrong_is_told_without_naming_anybody() {
        let survey = |team: &str, date: &str, score: &str| {
            row("team_engagement", &[("id", "1"), ("team", team), ("date", date), ("score", score)]).unwrap_err()
        };
        assert_eq!(
            survey("pay", "2026-09-30", "4"),
            "team: \"pay\" is no team of the configuration: known are payments"
        );
        assert_eq!(survey("payments", "30.9.", "4"), "date: \"30.9.\" is no day: write for example 2026-09-30");
        assert_eq!(survey("payments", "2027-01-01", "4"), "date: \"2027-01-01\" lies in the future");
        assert_eq!(survey("payments", "2026-09-30", "6"), "score: \"6\" is out of range: expected 1 to 5");
        assert_eq!(survey("payments", "2026-09-30", ""), "score: is empty; 1 to 5");
        let joiner = [("id", "1"), ("team", "payments"), ("joined", "2026-09-01"), ("login", "Ada")];
        let text = serde_json::to_string(&row("onboarding_ramp_time", &joiner).unwrap()).unwrap();
        assert!(!text.to_lowercase().contains("ada"), "{text}");
    }
}
