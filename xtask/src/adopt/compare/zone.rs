//! The time zone of the old instants that name none.

use chrono::TimeDelta;

/// The largest offset of a time zone, in minutes.
const WIDEST: i64 = 14 * 60;

/// The offset of one zone, learned from the first instant: the old answers do not tell what `--assume-zone` was. A zone
/// with summer time has a second one, at most an hour away.
#[derive(Default)]
pub struct Zone {
    offsets: Vec<TimeDelta>,
}

impl Zone {
    /// Whether an old instant without a zone may lie this much after the new one.
    pub fn explains(&mut self, shift: TimeDelta) -> bool {
        if self.offsets.contains(&shift) {
            return true;
        }
        // Zones of today lie whole quarters of an hour apart.
        let minutes = shift.num_minutes();
        let whole = shift == TimeDelta::minutes(minutes) && minutes % 15 == 0 && minutes.abs() <= WIDEST;
        let fits = match self.offsets.as_slice() {
            [] => whole,
            [known] => whole && (*known - shift).abs() <= TimeDelta::hours(1),
            _ => false,
        };
        if fits {
            self.offsets.push(shift);
        }
        fits
    }

    /// The offsets that were seen, in minutes, such as ` (the old instants without a zone are 60 minutes ahead of
    /// UTC)`.
    pub fn told(&self) -> String {
        let minutes: Vec<String> = self.offsets.iter().map(|offset| offset.num_minutes().to_string()).collect();
        match minutes.is_empty() {
            true => String::new(),
            false => format!(" (the old instants without a zone are {} minutes ahead of UTC)", minutes.join(" or ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_zone_explains_every_instant() {
        let mut berlin = Zone::default();
        for (minutes, explained) in [(60, true), (120, true), (60, true), (0, false), (180, false), (90, false)] {
            assert_eq!(berlin.explains(TimeDelta::minutes(minutes)), explained, "{minutes}");
        }
        assert_eq!(berlin.told(), " (the old instants without a zone are 60 or 120 minutes ahead of UTC)");
        for minutes in [-330, 345] {
            assert!(Zone::default().explains(TimeDelta::minutes(minutes)), "{minutes}");
        }
        for shift in [TimeDelta::minutes(855), TimeDelta::minutes(7), TimeDelta::milliseconds(3_600_001)] {
            assert!(!Zone::default().explains(shift), "{shift}");
        }
        let mut utc = Zone::default();
        assert!(utc.explains(TimeDelta::zero()) && !utc.explains(TimeDelta::hours(-5)));
        assert_eq!(Zone::default().told(), "");
    }
}
