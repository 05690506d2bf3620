//! A small part of `cargo bench --bench trend_errors`: where nothing changes, next to nothing is called a regression.

#[path = "../../benches/trend_errors/corpus.rs"]
mod corpus;

use corpus::FAMILIES;

#[test]
fn where_nothing_changes_alarms_are_rare_and_doublings_are_found() {
    for family in [FAMILIES[1], FAMILIES[7]] {
        let errors = family.errors(6);
        // 48 series-years at the promised 0.10 give 4.8 alarms; more than 11 would come by chance once in a hundred times.
        let alarms = errors.alarms * errors.series_years;
        assert!(alarms <= 11.0, "{}: {alarms} alarms in {} series-years", family.name, errors.series_years);
    }
    let shifted = FAMILIES[0].errors(8);
    assert!(shifted.found >= 0.5 && shifted.delay <= 12.0, "{} found, after {} weeks", shifted.found, shifted.delay);
}
