"""CRC-32C in Python. Written by `mover plugin new`; change nothing in it.

A CRC is the remainder of a division of polynomials over bits. Here the bits are one large `int`,
lowest first, and its work is done in C: multiples of the polynomial that have only a few terms
take most of the bits away by a few shifts and XORs. A table does the last bytes.
"""

# x**32 is the sum of these other powers: of the polynomial, lowest first, as the bits are.
POLYNOMIAL = 0x82F63B78
ONES = 0xFFFFFFFF

# Multiples of the polynomial: x**degree, and the powers of x that it equals the sum of.
# A search through all that are so short found them; a test divides each.
_MULTIPLES = [
    (6777, (484, 100, 0)),
    (1036, (114, 55, 44, 20, 0)),
    (290, (136, 113, 107, 32, 0)),
]
# More bits than the longest block has.
_DEGREE_MAX = 1 << 24


def _doubled():
    """Each of them and its squares, which are multiples, too; the longest first."""
    bound = _DEGREE_MAX
    for degree, powers in _MULTIPLES:
        squares = []
        while degree < bound:
            squares.append((degree, powers))
            degree, powers = 2 * degree, tuple(2 * power for power in powers)
        yield from reversed(squares)
        bound = squares[0][0]


def _table():
    table = list(range(256))
    for _ in range(8):
        table = [bits >> 1 ^ (POLYNOMIAL if bits & 1 else 0) for bits in table]
    return table


MULTIPLES = list(_doubled())
TABLE = _table()


def crc32c(data):
    """The CRC-32C (Castagnoli) of bytes."""
    bits = int.from_bytes(data, "little") ^ ONES
    # So many are to go; what is behind them is the remainder.
    left = 8 * len(data)
    for degree, powers in MULTIPLES:
        # Whole bytes, so that the table does the rest.
        while (count := min(left + 32 - degree, degree - powers[0]) & -8) > 0:
            head = bits & ((1 << count) - 1)
            bits >>= count
            for power in powers:
                bits ^= head << (degree - power - count)
            left -= count
    for _ in range(left // 8):
        bits = bits >> 8 ^ TABLE[bits & 255]
    return bits ^ ONES
