//! Numbers that come of a seed (splitmix64).

/// Gives one number after another.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Begins with a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Gives the next number.
    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Gives a number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll().checked_rem(end).expect("an end above 0")
    }

    /// Says yes once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Gives one of some.
    pub fn one_of<'a, T>(&mut self, some: &'a [T]) -> &'a T {
        let place = self.below(u64::try_from(some.len()).expect("a length"));
        some.get(usize::try_from(place).expect("a place")).expect("one of them")
    }

    /// Writes some capital letters and digits.
    pub fn letters(&mut self, count: usize) -> String {
        let letters: Vec<char> = ('A'..='Z').chain('2'..='7').collect();
        (0..count).map(|_| *self.one_of(&letters)).collect()
    }
}
