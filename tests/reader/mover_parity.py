"""Heals a volume from the files of parity beside it, as format/SPEC.md 4.8 says, and from that alone.

    python3 mover_parity.py FOLDER NUMBER > volume
"""

import pathlib
import struct
import sys

MAGIC = bytes.fromhex("cc4b628fd9426f57")


def crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC = crc_table()


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ CRC[(value ^ byte) & 255]
    return value ^ 0xFFFFFFFF


def multiply(a, b):
    """Of two elements of GF(2^8)."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return product


def power(a, exponent):
    product = 1
    for _ in range(exponent):
        product = multiply(product, a)
    return product


def inverse(matrix):
    """By Gauss and Jordan."""
    size = len(matrix)
    rows = [list(row) + [int(at == place) for at in range(size)] for place, row in enumerate(matrix)]
    for at in range(size):
        pivot = next(row for row in range(at, size) if rows[row][at])
        rows[at], rows[pivot] = rows[pivot], rows[at]
        factor = power(rows[at][at], 254)
        rows[at] = [multiply(value, factor) for value in rows[at]]
        for other in range(size):
            if other != at and (factor := rows[other][at]):
                rows[other] = [x ^ multiply(factor, y) for x, y in zip(rows[other], rows[at])]
    return [row[size:] for row in rows]


def product(one, other):
    columns = list(zip(*other))

    def element(row, column):
        total = 0
        for x, y in zip(row, column):
            total ^= multiply(x, y)
        return total

    return [[element(row, column) for column in columns] for row in one]


class Set:
    """All files of one set."""

    def __init__(self):
        self.files = {}

    def add(self, data):
        length, crc = struct.unpack_from("<II", data, 10)
        body = data[18 : 18 + length]
        assert crc32c(body) == crc, "the header's checksum"
        self.kind = body[0]
        number, self.parity, self.shard, self.rows, count = struct.unpack_from("<BBIII", body, 45)
        self.columns = [struct.unpack_from("<IQQ", body, 59 + 20 * at) for at in range(count)]
        column = 18 + length
        table = column + self.shard * self.rows
        sums = data[table:-4]
        assert crc32c(sums) == struct.unpack("<I", data[-4:])[0], "the table's checksum"
        sums = struct.unpack(f"<{self.rows * (count + 1)}I", sums)
        self.sums = [sums[at * self.rows : (at + 1) * self.rows] for at in range(count)]
        self.files[number] = (data[column:table], sums[count * self.rows :])

    def matrix(self):
        count = len(self.columns)
        vandermonde = [[power(r, c) for c in range(count)] for r in range(count + self.parity)]
        return product(vandermonde, inverse(vandermonde[:count]))

    def shards(self, folder, row):
        """Those of a row that are what they were, by column."""
        sound = {}
        for at, (volume, offset, length) in enumerate(self.columns):
            path = folder / f"{volume:08}.volume"
            if path.exists():
                data = path.read_bytes()[offset : offset + length]
                shard = data[row * self.shard : (row + 1) * self.shard].ljust(self.shard, b"\0")
                if crc32c(shard) == self.sums[at][row]:
                    sound[at] = shard
        for number, (column, sums) in self.files.items():
            shard = column[row * self.shard : (row + 1) * self.shard]
            if crc32c(shard) == sums[row]:
                sound[len(self.columns) + number] = shard
        return sound

    def column(self, folder, wanted):
        matrix, out = self.matrix(), bytearray()
        count = len(self.columns)
        for row in range(self.rows):
            sound = self.shards(folder, row)
            if wanted not in sound:
                known = sorted(sound)[:count]
                assert len(known) == count, f"row {row} is lost"
                factors = inverse([matrix[at] for at in known])[wanted]
                shard = bytearray(self.shard)
                for factor, at in zip(factors, known):
                    times = bytes(multiply(factor, value) for value in range(256))
                    shard = bytes(x ^ y for x, y in zip(shard, sound[at].translate(times)))
                assert crc32c(shard) == self.sums[wanted][row], "the code gives what it was"
                sound[wanted] = shard
            out += sound[wanted]
        return bytes(out[: self.columns[wanted][2]])


def heal(folder, number):
    """The bytes of a volume, from the set across volumes that has it."""
    sets = {}
    for path in sorted(folder.glob("*.parity")):
        data = path.read_bytes()
        assert data[:8] == MAGIC and data[8:10] == b"\1\0", path
        sets.setdefault(data[35:51], Set()).add(data)
    for one in sets.values():
        for at, (volume, offset, _) in enumerate(one.columns):
            if one.kind == 1 and volume == number and offset == 0:
                return one.column(folder, at)
    raise SystemExit(f"no set across volumes has volume {number}")


if __name__ == "__main__":
    sys.stdout.buffer.write(heal(pathlib.Path(sys.argv[1]), int(sys.argv[2])))
