// Joins `src/plugin.js` to the contract of a transform. Change nothing in it.

import { write } from 'mover:plugin/log@0.1.0';
import { schema } from '../target/manifest.js';
import { configuration, contractError, logTo } from './mover-plugin.js';
import { Plugin } from '../src/plugin.js';

logTo(write);

class Codec {
  static open(config, _key) {
    const codec = new Codec();
    try {
      codec.plugin = new Plugin(configuration(config, schema));
    } catch (error) {
      throw contractError(error);
    }
    return codec;
  }

  encode(_chunk, input, output) {
    output.write(this.plugin.encode(input));
  }

  decode(chunk, input, output) {
    let plain;
    try {
      plain = this.plugin.decode(input, chunk.plainLength);
    } catch (error) {
      throw contractError(error);
    }
    output.write(plain);
  }
}

export const transform = { Codec };
