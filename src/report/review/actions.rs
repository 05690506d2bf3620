//! What the team resolved to do: plain text, in the team's own words.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A review resolves on few things, or on none.
pub const MOST_ACTIONS: usize = 3;

/// A longer line is no action but an essay.
const LONGEST_LINE: usize = 500;

/// The actions that a review resolved on, with what came of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Actions {
    /// At most three.
    pub actions: Vec<Action>,
}

/// One action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Action {
    /// What is to be done, and which KPI should move while which other must not.
    pub text: String,
    /// What came of it, once that is known.
    pub outcome: Option<String>,
}

impl Actions {
    /// Reads the plain text: a line is an action; an indented line below it is what came of it.
    ///
    /// # Errors
    /// A sentence that names the line and says how to mend it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut actions: Vec<Action> = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let words = line.trim().trim_start_matches(['-', '*', ' ', '\t']).to_owned();
            let place = number + 1;
            if words.contains('@') {
                return Err(format!("line {place}: an @ looks like a name or an address: name a role, never a person"));
            }
            if words.is_empty() {
                return Err(format!("line {place}: an action without words"));
            }
            let too_long = || format!("line {place}: longer than {LONGEST_LINE} characters in all: say it shorter");
            if words.chars().count() > LONGEST_LINE {
                return Err(too_long());
            }
            if !line.starts_with([' ', '\t']) {
                actions.push(Action { text: words, outcome: None });
                continue;
            }
            let Some(action) = actions.last_mut() else {
                return Err(format!(
                    "line {place}: an indented line is what came of the action above it: there is none"
                ));
            };
            let outcome = action.outcome.get_or_insert_default();
            if !outcome.is_empty() {
                outcome.push(' ');
            }
            outcome.push_str(&words);
            if outcome.chars().count() > LONGEST_LINE {
                return Err(too_long());
            }
        }
        if actions.len() > MOST_ACTIONS {
            return Err(format!(
                "{} actions: keep the {MOST_ACTIONS} that matter most. What came of one is written below it, indented",
                actions.len()
            ));
        }
        Ok(Self { actions })
    }

    /// The plain text again.
    pub fn text(&self) -> String {
        let lines = self.actions.iter().map(|action| {
            let outcome = action.outcome.as_ref().map(|outcome| format!("  {outcome}\n")).unwrap_or_default();
            format!("{}\n{outcome}", action.text)
        });
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_actions_and_indented_lines_their_outcomes() {
        let text =
            "- Two reviewers a day; moves PR cycle time, not failures\n  Done.\n  It fell to 4 h.\n\nSmaller changes\n";
        let actions = Actions::parse(text).unwrap();
        assert_eq!(actions.actions.len(), 2);
        assert_eq!(actions.actions[0].outcome.as_deref(), Some("Done. It fell to 4 h."));
        assert_eq!(Actions::parse(&actions.text()).unwrap(), actions);
        assert_eq!(Actions::parse("").unwrap(), Actions::default());
    }

    proptest::proptest! {
        #[test]
        fn what_is_taken_is_read_again_as_it_is(text in "([ \\t]{0,3}[-* ]{0,3}[a-zA-Z*. -]{0,300}\n){0,7}") {
            if let Ok(taken) = Actions::parse(&text) {
                proptest::prop_assert_eq!(Actions::parse(&taken.text()), Ok(taken));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line() {
        assert!(Actions::parse("a\nb\nc\nd").unwrap_err().starts_with("4 actions"));
        assert!(Actions::parse("fix it\nask ada@example.com").unwrap_err().starts_with("line 2: an @"));
        assert!(Actions::parse("  done").unwrap_err().starts_with("line 1: an indented line"));
    }
}
