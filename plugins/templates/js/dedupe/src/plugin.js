// Cuts entries into pages of one length: for disk images and databases, whose pages change in
// place and do not move.

/** One configured cutter. */
export class Plugin {
  /** `config` fits the schema in `manifest.json`. */
  constructor(config) {
    /** No block is ever longer, in bytes; at most 1 MiB. */
    this.blockLengthMax = config.page;
  }

  /**
   * Says how long the first block of `bytes` is, or nothing where no cut is certain whatever
   * follows; with `last` the entry ends with `bytes`, and nothing makes one block of them all.
   *
   * Cutting by content, so that blocks are found again after bytes were put in, looks at `bytes`
   * here: a cut may depend on them, but on nothing before them.
   */
  cut(bytes, _last) {
    return bytes.length >= this.blockLengthMax ? this.blockLengthMax : undefined;
  }
}
