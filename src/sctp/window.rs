//! `Window`: the transmission numbers that were met lately.
//!
//! In: numbers. Out: whether each is met for the first time. A number far below the highest counts
//! as met; a jump of over [`JUMP`] begins anew. Capped: [`REMEMBERED`] numbers.
//!
//! # References
//! - RFC 9260 §1.6 (serial number arithmetic), RFC 1982

/// Numbers below the highest that are remembered one by one.
const REMEMBERED: u32 = 1024;
/// No sender is so far ahead: it is another association with the same tag and ports.
const JUMP: i32 = 1 << 20;
const WORDS: usize = 16;

/// The window.
#[derive(Debug, Default)]
pub(super) struct Window {
    highest: Option<u32>,
    bits: [u64; WORDS],
}

impl Window {
    /// Whether `number` is met for the first time; remembers it.
    pub(super) fn is_new(&mut self, number: u32) -> bool {
        let ahead = self.highest.map(|highest| {
            let ahead = number.wrapping_sub(highest);
            i32::from_ne_bytes(ahead.to_ne_bytes())
        });
        match ahead {
            Some(ahead) if (1..=JUMP).contains(&ahead) => {
                let steps = ahead.unsigned_abs().min(REMEMBERED);
                for step in 0..steps {
                    self.set(number.wrapping_sub(step), false);
                }
                self.highest = Some(number);
            }
            Some(ahead) if (-JUMP..=0).contains(&ahead) => {
                if ahead.unsigned_abs() >= REMEMBERED || self.is_set(number) {
                    return false;
                }
            }
            _ => {
                self.highest = Some(number);
                self.bits = [0; WORDS];
            }
        }
        self.set(number, true);
        true
    }

    fn place(number: u32) -> (usize, u64) {
        let at = number % REMEMBERED;
        let word = usize::try_from(at / 64).unwrap_or(0);
        (word, 1 << (at % 64))
    }

    fn is_set(&self, number: u32) -> bool {
        let (word, bit) = Self::place(number);
        self.bits.get(word).is_some_and(|word| word & bit != 0)
    }

    fn set(&mut self, number: u32, to: bool) {
        let (word, bit) = Self::place(number);
        if let Some(word) = self.bits.get_mut(word) {
            *word = if to { *word | bit } else { *word & !bit };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_new_once_in_any_order_and_over_the_wrap() {
        let mut window = Window::default();
        let start = u32::MAX - 500;
        for step in (0..900).map(|step| (step * 7) % 900) {
            assert!(window.is_new(start.wrapping_add(step)), "{step}");
        }
        for step in 0..900 {
            assert!(!window.is_new(start.wrapping_add(step)), "{step}");
        }
        assert!(window.is_new(start.wrapping_add(5000)));
        assert!(!window.is_new(start.wrapping_add(100)));
        assert!(window.is_new(start.wrapping_add(4999)));
        assert!(window.is_new(start.wrapping_sub(1 << 30)));
    }
}
