"""Cuts entries into pages of one length: for disk images and databases, whose pages change in
place and do not move.
"""


class Plugin:
    """One configured cutter."""

    def __init__(self, config):
        """`config` fits the schema in `manifest.json`."""
        self.page = config["page"]
        # No block is ever longer; at most 1 MiB.
        self.block_length_max = self.page

    def cut(self, data, last):
        """Gives the lengths of the blocks at the head of `data`, which begins behind a cut.

        What it gives is certain whatever follows. With `last` the entry ends with `data`, and what
        is left of it becomes a block; otherwise that comes again, with more.
        """
        # Cutting by content, so that blocks are found again after bytes were put in, looks at
        # `data` here: a cut may depend on what is behind the cut before it, and on nothing else.
        return [self.page] * (len(data) // self.page)
