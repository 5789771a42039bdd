// Joins `src/plugin.js` to the contract of a filter. Change nothing in it.

import { call, open, put } from './component.js';
import { Plugin } from '../src/plugin.js';

class Rewriter {
  static open(config, direction) {
    const rewriter = new Rewriter();
    rewriter.plugin = open(Plugin, config, direction);
    return rewriter;
  }

  next(input, output) {
    call(() => put(output, this.plugin.next(input), 'next'));
  }

  finish(output) {
    call(() => put(output, this.plugin.finish(), 'finish'));
  }
}

export const filter = { Rewriter };
