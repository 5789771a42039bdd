//! Sixteen bytes worked on at once: WebAssembly's vectors, and the same in plain Rust for tests
//! on the host.

#[cfg(target_arch = "wasm32")]
mod native {
    use core::arch::wasm32::*;

    /// Sixteen bytes.
    #[derive(Clone, Copy)]
    pub(crate) struct Lanes(v128);

    impl Lanes {
        #[inline]
        pub(crate) fn new(bytes: [u8; 16]) -> Self {
            Self::load(&bytes, 0)
        }

        #[inline]
        #[allow(unsafe_code, reason = "the only load of 16 bytes that is one instruction")]
        pub(crate) fn load<const N: usize>(bytes: &[u8; N], start: usize) -> Self {
            assert!(start + 16 <= N);
            // SAFETY: the 16 bytes from `start` lie in `bytes`, and any alignment is allowed.
            Self(unsafe { v128_load(bytes.as_ptr().add(start).cast()) })
        }

        #[inline]
        pub(crate) fn to_bytes(self) -> [u8; 16] {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&u64x2_extract_lane::<0>(self.0).to_le_bytes());
            bytes[8..].copy_from_slice(&u64x2_extract_lane::<1>(self.0).to_le_bytes());
            bytes
        }

        #[inline]
        pub(crate) fn xor(self, other: Self) -> Self {
            Self(v128_xor(self.0, other.0))
        }

        #[inline]
        pub(crate) fn low_nibbles(self) -> Self {
            Self(v128_and(self.0, u8x16_splat(15)))
        }

        #[inline]
        pub(crate) fn high_nibbles(self) -> Self {
            Self(u8x16_shr(self.0, 4))
        }

        #[inline]
        pub(crate) fn look_up(self, indices: Self) -> Self {
            Self(i8x16_swizzle(self.0, indices.0))
        }

        #[inline]
        pub(crate) fn group_bytes(self) -> Self {
            Self(i8x16_shuffle::<0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15>(
                self.0, self.0,
            ))
        }

        #[inline]
        pub(crate) fn interleave_low(self, other: Self) -> Self {
            Self(i32x4_shuffle::<0, 4, 1, 5>(self.0, other.0))
        }

        #[inline]
        pub(crate) fn interleave_high(self, other: Self) -> Self {
            Self(i32x4_shuffle::<2, 6, 3, 7>(self.0, other.0))
        }

        #[inline]
        pub(crate) fn join_low(self, other: Self) -> Self {
            Self(i64x2_shuffle::<0, 2>(self.0, other.0))
        }

        #[inline]
        pub(crate) fn join_high(self, other: Self) -> Self {
            Self(i64x2_shuffle::<1, 3>(self.0, other.0))
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::array::from_fn;

    /// Sixteen bytes.
    #[derive(Clone, Copy)]
    pub(crate) struct Lanes([u8; 16]);

    impl Lanes {
        pub(crate) fn new(bytes: [u8; 16]) -> Self {
            Self(bytes)
        }

        pub(crate) fn load<const N: usize>(bytes: &[u8; N], start: usize) -> Self {
            Self(from_fn(|lane| bytes[start + lane]))
        }

        pub(crate) fn to_bytes(self) -> [u8; 16] {
            self.0
        }

        pub(crate) fn xor(self, other: Self) -> Self {
            Self(from_fn(|lane| self.0[lane] ^ other.0[lane]))
        }

        pub(crate) fn low_nibbles(self) -> Self {
            Self(self.0.map(|byte| byte & 15))
        }

        pub(crate) fn high_nibbles(self) -> Self {
            Self(self.0.map(|byte| byte >> 4))
        }

        /// The bytes of `self` that `indices`, each below 16, name.
        pub(crate) fn look_up(self, indices: Self) -> Self {
            Self(indices.0.map(|index| self.0[usize::from(index)]))
        }

        /// The first bytes of all four words, then the second, and so on.
        pub(crate) fn group_bytes(self) -> Self {
            Self(from_fn(|lane| self.0[lane % 4 * 4 + lane / 4]))
        }

        /// The words 0 and 1 of both, in turn.
        pub(crate) fn interleave_low(self, other: Self) -> Self {
            self.words(other, [0, 4, 1, 5])
        }

        /// The words 2 and 3 of both, in turn.
        pub(crate) fn interleave_high(self, other: Self) -> Self {
            self.words(other, [2, 6, 3, 7])
        }

        /// The first halves of both.
        pub(crate) fn join_low(self, other: Self) -> Self {
            self.words(other, [0, 1, 4, 5])
        }

        /// The second halves of both.
        pub(crate) fn join_high(self, other: Self) -> Self {
            self.words(other, [2, 3, 6, 7])
        }

        fn words(self, other: Self, order: [usize; 4]) -> Self {
            let both = [self.0, other.0].concat();
            Self(from_fn(|lane| both[order[lane / 4] * 4 + lane % 4]))
        }
    }
}

pub(crate) use native::Lanes;
