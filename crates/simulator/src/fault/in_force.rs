//! The faults in force: picks those that strike, and spends their budgets.

use std::collections::BTreeMap;

use rand::Rng;

use super::{Fault, FaultKind, Target};

/// The faults in force, and how often each kind has struck since the last reset.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    active: Vec<Active>,
    fired: BTreeMap<&'static str, u64>,
}

#[derive(Debug)]
struct Active {
    fault: Fault,
    fired: u64,
}

impl Faults {
    /// Replaces the faults in force; budgets start anew, the totals stay.
    pub(crate) fn set(&mut self, faults: &[Fault]) {
        self.active = faults
            .iter()
            .map(|fault| Active {
                fault: fault.clone(),
                fired: 0,
            })
            .collect();
    }

    pub(crate) fn fired(&self) -> BTreeMap<String, u64> {
        self.fired
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }

    pub(crate) fn forget_fired(&mut self) {
        self.fired.clear();
    }

    /// The first fault of a stage that strikes this target, with its name.
    pub(crate) fn first<T>(
        &mut self,
        target: Target<'_>,
        rng: &mut impl Rng,
        stage: impl Fn(FaultKind) -> Option<T>,
    ) -> Option<(T, &'static str)> {
        self.strikes(target, rng, stage).next()
    }

    /// Every fault of a stage that strikes this target.
    pub(crate) fn all<T>(
        &mut self,
        target: Target<'_>,
        rng: &mut impl Rng,
        stage: impl Fn(FaultKind) -> Option<T>,
    ) -> Vec<T> {
        self.strikes(target, rng, stage).map(|(effect, _)| effect).collect()
    }

    /// Lazily: a fault that is not asked for does not use up its budget.
    fn strikes<T>(
        &mut self,
        target: Target<'_>,
        rng: &mut impl Rng,
        stage: impl Fn(FaultKind) -> Option<T>,
    ) -> impl Iterator<Item = (T, &'static str)> {
        let Self { active, fired } = self;
        active.iter_mut().filter_map(move |Active { fault, fired: used }| {
            let effect = stage(fault.kind)?;
            let spent = fault.count.is_some_and(|count| *used >= count);
            if spent || !target.matches(&fault.numbers, &fault.recipients) || !rng.random_bool(fault.probability) {
                return None;
            }
            *used += 1;
            *fired.entry(fault.kind.name()).or_default() += 1;
            Some((effect, fault.kind.name()))
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::fault::Answer;

    const ANA: Target<'static> = Target {
        phone_number_id: "2000001",
        recipient: "14155550107",
    };
    const BOB: Target<'static> = Target {
        phone_number_id: "2000001",
        recipient: "14155550100",
    };

    fn faults(list: &[Fault]) -> (Faults, StdRng) {
        let mut faults = Faults::default();
        faults.set(list);
        (faults, StdRng::seed_from_u64(1))
    }

    #[test]
    fn a_budget_is_spent_only_by_strikes() {
        let (mut faults, mut rng) = faults(&[Fault::new(FaultKind::LostResponse).to("*7").times(1)]);

        assert_eq!(faults.first(BOB, &mut rng, FaultKind::answer), None);
        assert_eq!(
            faults.first(ANA, &mut rng, FaultKind::answer),
            Some((Answer::Lost, "lost_response"))
        );
        assert_eq!(faults.first(ANA, &mut rng, FaultKind::answer), None);
        assert_eq!(faults.fired(), BTreeMap::from([("lost_response".to_owned(), 1)]));
    }

    #[test]
    fn the_first_of_two_faults_leaves_the_second_its_budget() {
        let once = |kind| Fault::new(kind).times(1);
        let (mut faults, mut rng) = faults(&[once(FaultKind::LostResponse), once(FaultKind::Html200)]);

        assert_eq!(
            faults.first(ANA, &mut rng, FaultKind::answer),
            Some((Answer::Lost, "lost_response"))
        );
        assert_eq!(
            faults.first(ANA, &mut rng, FaultKind::answer),
            Some((Answer::Html, "html_200"))
        );
        assert_eq!(faults.first(ANA, &mut rng, FaultKind::answer), None);
    }

    #[test]
    fn a_probability_is_a_share() {
        let (mut faults, mut rng) = faults(&[Fault::new(FaultKind::LostResponse).with_probability(0.25)]);

        let struck = (0..4_000)
            .filter(|_| faults.first(ANA, &mut rng, FaultKind::answer).is_some())
            .count();

        assert!((900..1_100).contains(&struck), "{struck} of 4,000");
    }
}
