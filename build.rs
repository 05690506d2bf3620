//! Tells the derivation of schemas which type aliases of chiplog stand for what.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let aliases = utoipa_config::Config::new();
    aliases
        .alias_for("Moment", "chrono::DateTime<chrono::Utc>")
        .alias_for("KpiId", "String")
        .alias_for("Word", "String")
        .write_to_file();
}
