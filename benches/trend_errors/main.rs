//! How often a trend is called a regression that is none, and how often a doubling is found: the table of
//! `docs/trends.md`. `cargo bench --bench trend_errors`.

#![expect(clippy::print_stdout, reason = "the table is the result")]

mod corpus;

use corpus::FAMILIES;

fn main() {
    println!(
        "| family | series-years | false alarms per series-year | doublings found within 12 weeks | median delay |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for family in FAMILIES {
        let errors = family.errors(150);
        println!(
            "| {} | {} | {:.3} | {:.0} % | {} weeks |",
            family.name,
            errors.series_years,
            errors.alarms,
            errors.found * 100.0,
            errors.delay
        );
    }
}
