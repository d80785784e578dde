//! The rules there are.

use super::ack_without_answer::{self, AckWithoutAnswer};
use super::authentication_loop::{self, AuthenticationLoop};
use super::burst::BurstOptions;
use super::drops_at_32_s::{self, DropsAt32S};
use super::fragments_lost::{self, FragmentsLost};
use super::identity_burst::{self, IdentityBurst};
use super::identity_failure::{self, IdentityFailure};
use super::missing_ack::{self, MissingAck};
use super::no_failover::{self, NoFailover};
use super::one_sided_bye::{self, OneSidedBye};
use super::peer_outage::{self, PeerOutage};
use super::registration_lapsed::{self, RegistrationLapsed};
use super::registration_storm::{self, RegistrationStorm};
use super::request_unanswered::{self, RequestUnanswered};
use super::response_burst::{self, ResponseBurst};
use super::response_retransmitted::{self, ResponseRetransmitted};
use super::routing_loop::{self, RoutingLoop};
use super::rule::{Rule, Topic};
use crate::limits::Limits;

/// The names of the rules, for `--fail-on`.
pub const RULES: &[&str] = &[
    ack_without_answer::NAME,
    authentication_loop::NAME,
    drops_at_32_s::NAME,
    fragments_lost::NAME,
    identity_burst::NAME,
    identity_failure::NAME,
    missing_ack::NAME,
    no_failover::NAME,
    one_sided_bye::NAME,
    peer_outage::NAME,
    registration_lapsed::NAME,
    registration_storm::NAME,
    request_unanswered::NAME,
    response_burst::NAME,
    response_retransmitted::NAME,
    routing_loop::NAME,
    identity_failure::SOFT,
];

/// All rules, ready for a capture.
pub fn rules(limits: &Limits, burst: BurstOptions) -> Vec<Box<dyn Rule>> {
    vec![
        Box::new(MissingAck::new(limits)),
        Box::new(IdentityBurst::new(limits, burst)),
        Box::new(IdentityFailure::new(limits, false)),
        Box::new(IdentityFailure::new(limits, true)),
        Box::new(AckWithoutAnswer::new(limits)),
        Box::new(ResponseBurst::new(limits, burst)),
        Box::new(RequestUnanswered::new(limits)),
        Box::new(PeerOutage::new(limits)),
        Box::new(NoFailover::new(limits)),
        Box::new(FragmentsLost::new(limits)),
        Box::new(RoutingLoop::new(limits)),
        Box::new(ResponseRetransmitted::new(limits)),
        Box::new(OneSidedBye::new(limits)),
        Box::new(DropsAt32S::new(limits)),
        Box::new(AuthenticationLoop::new(limits)),
        Box::new(RegistrationStorm::new(limits)),
        Box::new(RegistrationLapsed::new(limits)),
    ]
}

/// Every name `explain` knows beside codes: rules and their verdicts, then the causes of refused
/// identities, then what is said in brackets behind a verdict.
pub fn topics() -> Vec<Topic> {
    rules(&Limits::default(), BurstOptions::default())
        .iter()
        .flat_map(|rule| rule.topics().iter().copied())
        .chain(super::causes::topics())
        .chain(super::qualifiers::topics())
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
