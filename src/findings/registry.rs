//! The rules there are.

use super::ack_without_answer::AckWithoutAnswer;
use super::burst::BurstOptions;
use super::identity_burst::IdentityBurst;
use super::missing_ack::MissingAck;
use super::rule::{Rule, Topic};
use crate::limits::Limits;

/// The names of the rules, for `--fail-on`.
pub const RULES: &[&str] = &[
    super::ack_without_answer::NAME,
    super::identity_burst::NAME,
    super::missing_ack::NAME,
];

/// All rules, ready for a capture.
pub fn rules(limits: &Limits, burst: BurstOptions) -> Vec<Box<dyn Rule>> {
    vec![
        Box::new(MissingAck::new(limits)),
        Box::new(IdentityBurst::new(limits, burst)),
        Box::new(AckWithoutAnswer::new(limits)),
    ]
}

/// Every name `explain` knows beside codes: rules first, then their verdicts.
pub fn topics() -> Vec<Topic> {
    rules(&Limits::default(), BurstOptions::default())
        .iter()
        .flat_map(|rule| rule.topics().iter().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_lower_case_and_explained() {
        let topics = topics();
        for topic in &topics {
            assert!(
                topic
                    .name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{}",
                topic.name
            );
            assert_eq!(
                topics.iter().filter(|t| t.name == topic.name).count(),
                1,
                "{}",
                topic.name
            );
            assert!(!topic.explanation.summary.is_empty());
            assert!(!topic.explanation.sections.is_empty(), "{}", topic.name);
        }
    }

    #[test]
    fn the_names_are_those_of_the_rules() {
        let topics = topics();
        let mut rules: Vec<_> = topics
            .iter()
            .filter(|t| t.kind == "rule")
            .map(|t| t.name)
            .collect();
        rules.sort_unstable();
        assert_eq!(rules, RULES);
    }
}
