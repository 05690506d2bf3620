//! Tells the derivation of schemas which type aliases of chiplog stand for what.

#![expect(clippy::print_stdout, reason = "cargo reads what a build script prints")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let aliases = utoipa_config::Config::new();
    aliases.alias_for("Moment", "chrono::DateTime<chrono::Utc>").alias_for("Word", "String").write_to_file();
}
