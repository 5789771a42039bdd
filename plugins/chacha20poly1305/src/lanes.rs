//! Four words of 32 bits that are worked on at once: a 128-bit vector of WebAssembly.

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use portable::Lanes;
#[cfg(target_arch = "wasm32")]
pub(crate) use simd::Lanes;

#[cfg(target_arch = "wasm32")]
mod simd {
    use core::arch::wasm32::{
        i8x16_shuffle, i32x4_add, i32x4_shuffle, u32x4, u32x4_shl, u32x4_shr, u32x4_splat, v128,
        v128_load, v128_or, v128_store, v128_xor,
    };

    #[derive(Clone, Copy)]
    pub(crate) struct Lanes(v128);

    impl Lanes {
        pub(crate) fn new([a, b, c, d]: [u32; 4]) -> Self {
            Self(u32x4(a, b, c, d))
        }

        pub(crate) fn splat(word: u32) -> Self {
            Self(u32x4_splat(word))
        }

        pub(crate) fn add(self, other: Self) -> Self {
            Self(i32x4_add(self.0, other.0))
        }

        pub(crate) fn xor(self, other: Self) -> Self {
            Self(v128_xor(self.0, other.0))
        }

        pub(crate) fn rotate<const BITS: u32>(self) -> Self {
            let it = self.0;
            // Whole bytes are moved in one step instead of three.
            Self(match BITS {
                16 => i8x16_shuffle::<2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13>(it, it),
                8 => i8x16_shuffle::<3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14>(it, it),
                _ => v128_or(u32x4_shl(it, BITS), u32x4_shr(it, 32 - BITS)),
            })
        }

        /// Turns rows into columns.
        pub(crate) fn transposed([a, b, c, d]: [Self; 4]) -> [Self; 4] {
            let low = i32x4_shuffle::<0, 4, 1, 5>;
            let high = i32x4_shuffle::<2, 6, 3, 7>;
            let (ac, ac_high) = (low(a.0, c.0), high(a.0, c.0));
            let (bd, bd_high) = (low(b.0, d.0), high(b.0, d.0));
            [low(ac, bd), high(ac, bd), low(ac_high, bd_high), high(ac_high, bd_high)].map(Self)
        }

        /// Puts `self` over bytes by exclusive or.
        #[allow(unsafe_code, reason = "vectors are loaded and stored by pointers alone")]
        pub(crate) fn xor_into(self, bytes: &mut [u8; 16]) {
            // SAFETY: both look at the 16 bytes of the array, and need no alignment.
            unsafe {
                let it = v128_load(bytes.as_ptr().cast());
                v128_store(bytes.as_mut_ptr().cast(), v128_xor(it, self.0));
            }
        }
    }
}

/// The same without vectors, for the tests on the machine that builds.
#[cfg(not(target_arch = "wasm32"))]
mod portable {
    #[derive(Clone, Copy)]
    pub(crate) struct Lanes([u32; 4]);

    impl Lanes {
        pub(crate) fn new(words: [u32; 4]) -> Self {
            Self(words)
        }

        pub(crate) fn splat(word: u32) -> Self {
            Self([word; 4])
        }

        pub(crate) fn add(self, other: Self) -> Self {
            Self(std::array::from_fn(|lane| self.0[lane].wrapping_add(other.0[lane])))
        }

        pub(crate) fn xor(self, other: Self) -> Self {
            Self(std::array::from_fn(|lane| self.0[lane] ^ other.0[lane]))
        }

        pub(crate) fn rotate<const BITS: u32>(self) -> Self {
            Self(self.0.map(|word| word.rotate_left(BITS)))
        }

        pub(crate) fn transposed(rows: [Self; 4]) -> [Self; 4] {
            std::array::from_fn(|column| Self(rows.map(|row| row.0[column])))
        }

        pub(crate) fn xor_into(self, bytes: &mut [u8; 16]) {
            let (words, _) = bytes.as_chunks_mut::<4>();
            for (word, mask) in words.iter_mut().zip(self.0) {
                *word = (u32::from_le_bytes(*word) ^ mask).to_le_bytes();
            }
        }
    }
}
