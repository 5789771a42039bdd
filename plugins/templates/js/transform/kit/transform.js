// Joins `src/plugin.js` to the contract of a transform. Change nothing in it.

import { call, open, put } from './component.js';
import { Plugin } from '../src/plugin.js';

class Codec {
  static open(config, _key) {
    const codec = new Codec();
    codec.plugin = open(Plugin, config);
    return codec;
  }

  encode(_chunk, input, output) {
    call(() => put(output, this.plugin.encode(input), 'encode'));
  }

  decode({ plainLength }, input, output) {
    call(() => put(output, this.plugin.decode(input, plainLength), 'decode'));
  }
}

export const transform = { Codec };
