// Joins `src/plugin.js` to the contract of a dedupe component. Change nothing in it.

import { call, open } from './component.js';
import { cutWindow } from './window.js';
import { Plugin } from '../src/plugin.js';

class Cutter {
  static open(config) {
    const cutter = new Cutter();
    cutter.plugin = open(Plugin, config);
    return cutter;
  }

  blockLengthMax() {
    return this.plugin.blockLengthMax;
  }

  cut(window, ends) {
    return call(() => cutWindow(this.plugin, window, ends));
  }
}

export const dedupe = { Cutter };
