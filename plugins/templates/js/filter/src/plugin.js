// Keeps the difference of each byte to one before it, which compresses better where data is
// numbers or pixels.

/** One entry on its way through, and another after it. */
export class Plugin {
  /** `config` fits the schema in `manifest.json`; `direction` is `apply` or `undo`. */
  constructor(config, direction) {
    this.distance = config.distance;
    this.direction = direction;
    this.begin();
  }

  begin() {
    // The last plain bytes of the entry.
    this.before = new Uint8Array(this.distance);
  }

  /** Takes the next bytes of the entry, as many as they may be, and gives what they become. */
  next(input) {
    const { distance } = this;
    const plain = new Uint8Array(distance + input.length);
    plain.set(this.before);
    let changed;
    // A byte that is stored in a Uint8Array wraps around.
    if (this.direction === 'apply') {
      plain.set(input, distance);
      changed = new Uint8Array(input.length);
      for (let place = 0; place < input.length; place += 1) {
        changed[place] = input[place] - plain[place];
      }
    } else {
      for (let place = 0; place < input.length; place += 1) {
        plain[distance + place] = input[place] + plain[place];
      }
      changed = plain.subarray(distance);
    }
    this.before = plain.slice(input.length);
    return changed;
  }

  /** Gives the rest, here nothing, and makes ready for another entry. */
  finish() {
    this.begin();
    return new Uint8Array(0);
  }
}
