//! A KPI of a team as weeks.

use std::hash::{Hash as _, Hasher as _};

use chrono::{Datelike as _, Days, NaiveDate};

use crate::facts::Moment;
use crate::kpi::{Direction, Kpi, Observed, Parts, Shape};
use crate::stats::WorkingCalendar;

/// How many weeks are looked at in all: the longest comparison, and the weeks over which verdicts are followed.
const WEEKS: u64 = 60;

/// What a series is made of, and so how it is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesKind {
    /// Durations of what has ended.
    Duration,
    /// Durations of what began, some of which have not ended.
    DurationWithOpen,
    /// Events.
    Rate,
    /// Cases that hold or don't.
    Proportion,
}

/// One event, case or duration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Occurrence {
    /// When it began, where it is a duration.
    pub began_at: Option<Moment>,
    /// The moment that it counts at; of a duration the end.
    pub at: Moment,
    /// Seconds, or 1 or 0.
    pub value: f64,
    /// How much it weighs.
    pub weight: f64,
}

/// A week from Monday to Sunday, in the team's time zone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalendarWeek {
    /// Its Monday.
    pub monday: NaiveDate,
    /// Its first moment.
    pub from: Moment,
    /// The first moment after it.
    pub until: Moment,
    /// How many days of it were worked.
    pub working_days: u32,
    /// How many days are worked in a week without holidays.
    pub usual_days: u32,
}

impl CalendarWeek {
    /// Whether at least half of its days were worked: others (holidays, a freeze) are left out of comparisons.
    pub fn is_usable(&self) -> bool {
        self.working_days > 0 && self.working_days * 2 >= self.usual_days
    }
}

/// A KPI of a team, ready to be compared week by week.
#[derive(Debug, Clone)]
pub struct Series {
    /// The team's slug.
    pub team: String,
    /// The KPI's id.
    pub kpi: &'static str,
    /// What it is made of.
    pub kind: SeriesKind,
    /// Whether higher is worse.
    pub higher_is_worse: bool,
    /// What happened, by moment.
    pub occurrences: Vec<Occurrence>,
    /// When those began that have not ended.
    pub open: Vec<Moment>,
    /// The complete weeks since the first occurrence, oldest first.
    pub weeks: Vec<CalendarWeek>,
    /// The fewest items on either side, where it takes more than usual to tell anything.
    pub least_items: usize,
}

impl Series {
    /// The same from the first week that begins on a day or after it: what was before is not to be compared with.
    #[must_use]
    pub fn since(mut self, day: Option<NaiveDate>) -> Self {
        self.weeks.retain(|week| day.is_none_or(|day| week.monday >= day));
        self
    }

    /// The same as it stood when the last complete week ended: what has ended since was open then, what has begun since was
    /// not there. All comparisons are of complete weeks, so they come out the same, and so they do until the next week is
    /// complete, whatever happens in the running one.
    #[must_use]
    pub fn closed(mut self) -> Self {
        let Some(until) = self.weeks.last().map(|week| week.until) else { return self };
        let kept = self.occurrences.partition_point(|occurrence| occurrence.at < until);
        let ended_since = self.occurrences.split_off(kept);
        if self.kind == SeriesKind::DurationWithOpen {
            self.open.extend(ended_since.iter().filter_map(|occurrence| occurrence.began_at));
            self.open.retain(|began_at| *began_at < until);
            self.open.sort_unstable();
        } else {
            self.open.clear();
        }
        self
    }

    /// Stands for all that comparisons are made of: equal ones come out the same.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        (self.kpi, self.kind as u8, self.higher_is_worse, self.least_items).hash(&mut hasher);
        for week in &self.weeks {
            (week.monday, week.from, week.until, week.working_days, week.usual_days).hash(&mut hasher);
        }
        for item in &self.occurrences {
            (item.began_at, item.at, item.value.to_bits(), item.weight.to_bits()).hash(&mut hasher);
        }
        self.open.hash(&mut hasher);
        hasher.finish()
    }
}

/// The complete weeks of a team before a moment, oldest first.
pub fn calendar_weeks(calendar: &WorkingCalendar, as_of: Moment) -> Vec<CalendarWeek> {
    let today = calendar.day(as_of);
    let this_monday = today - Days::new(u64::from(today.weekday().num_days_from_monday()));
    let usual_days = u32::try_from(calendar.working_days.len()).unwrap_or(5);
    let week = |back: u64| {
        let monday = this_monday - Days::new(7 * back);
        let days = (0..7).filter(|day| calendar.is_working_day(monday + Days::new(*day))).count();
        CalendarWeek {
            monday,
            from: calendar.day_start(monday),
            until: calendar.day_start(monday + Days::new(7)),
            working_days: u32::try_from(days).unwrap_or(5),
            usual_days,
        }
    };
    (1..=WEEKS).rev().map(week).collect()
}

/// A KPI's observations as a series. Of parts that measure different things the first that has data stands for the KPI.
/// `None` for kinds of values that have no test (levels, scores), and where nothing was observed.
pub fn series_of(
    kpi: &'static Kpi,
    observed: &Observed,
    team: &str,
    calendar: &WorkingCalendar,
    as_of: Moment,
) -> Option<Series> {
    let part = match kpi.parts {
        Parts::Alternatives { values, .. } => {
            let has_data =
                |part: &&&str| observed.observations.iter().any(|observation| observation.part == Some(**part));
            Some(*values.iter().find(has_data)?)
        }
        Parts::Whole | Parts::Breakdown { .. } => None,
    };
    let of_part = |of: Option<&'static str>| part.is_none_or(|part| of == Some(part));
    let counted =
        observed.observations.iter().filter(|observation| of_part(observation.part) && observation.at < as_of);
    let mut occurrences: Vec<Occurrence> = counted
        .map(|observation| Occurrence {
            began_at: observation.began_at,
            at: observation.at,
            value: observation.value,
            weight: observation.weight,
        })
        .collect();
    occurrences.sort_by_key(|occurrence| occurrence.at);
    let first = occurrences.first()?.at;
    let open: Vec<Moment> = observed.open.iter().filter(|item| of_part(item.part)).map(|item| item.began_at).collect();
    let follows_cohorts = !open.is_empty() || matches!(kpi.id, "pr_cycle_time" | "review_turnaround_time");
    let kind = match kpi.shape {
        Shape::Duration if follows_cohorts && occurrences.iter().all(|it| it.began_at.is_some()) => {
            SeriesKind::DurationWithOpen
        }
        Shape::Duration => SeriesKind::Duration,
        Shape::Rate => SeriesKind::Rate,
        Shape::Proportion => SeriesKind::Proportion,
        Shape::Level => return None,
    };
    let mut weeks = calendar_weeks(calendar, as_of);
    weeks.retain(|week| week.until > first);
    Some(Series {
        team: team.to_owned(),
        kpi: kpi.id,
        kind,
        higher_is_worse: kpi.direction == Direction::Lower,
        occurrences,
        open,
        weeks,
        // Recoveries are few and of all lengths.
        least_items: if kpi.id == "failed_deployment_recovery_time" { 8 } else { 0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_are_complete_and_know_their_working_days() {
        let mut calendar = WorkingCalendar::default();
        calendar.holidays.extend((21..=24).filter_map(|day| NaiveDate::from_ymd_opt(2026, 9, day)));
        // A Wednesday: the last complete week began nine days before.
        let weeks = calendar_weeks(&calendar, "2026-10-07T12:00:00Z".parse().unwrap());
        let last = weeks[weeks.len() - 1];
        assert_eq!((last.monday.to_string().as_str(), last.working_days, last.is_usable()), ("2026-09-28", 5, true));
        let holiday = weeks[weeks.len() - 2];
        assert_eq!(
            (holiday.monday.to_string().as_str(), holiday.working_days, holiday.is_usable()),
            ("2026-09-21", 1, false)
        );
    }

    #[test]
    fn a_series_begins_anew_when_the_team_is_another() {
        let calendar = WorkingCalendar::default();
        let series = Series {
            team: "team".to_owned(),
            kpi: "throughput",
            kind: SeriesKind::Rate,
            higher_is_worse: false,
            occurrences: Vec::new(),
            open: Vec::new(),
            weeks: calendar_weeks(&calendar, "2026-10-07T12:00:00Z".parse().unwrap()),
            least_items: 0,
        };
        let since = series.since(NaiveDate::from_ymd_opt(2026, 9, 23));
        assert_eq!(since.weeks.iter().map(|week| week.monday.to_string()).collect::<Vec<_>>(), ["2026-09-28"]);
    }
}
