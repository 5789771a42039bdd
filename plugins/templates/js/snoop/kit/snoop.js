// Joins `src/plugin.js` to the contract of a snoop. Change nothing in it.

import { write } from 'mover:plugin/log@0.1.0';
import { schema } from '../target/manifest.js';
import { configuration, contractError, logTo } from './mover-plugin.js';
import { Plugin } from '../src/plugin.js';

logTo(write);

class Inspector {
  static open(config) {
    const inspector = new Inspector();
    try {
      inspector.plugin = new Plugin(configuration(config, schema));
    } catch (error) {
      throw contractError(error);
    }
    return inspector;
  }

  static resume(config, state) {
    const inspector = Inspector.open(config);
    try {
      inspector.plugin.resume(state);
    } catch {
      throw { kind: 'corrupt-input', message: 'the saved state is not one of this plugin' };
    }
    return inspector;
  }

  inspect(window, ends) {
    const verdicts = [];
    let start = 0;
    for (const end of ends) {
      this.plugin.look(window.subarray(start, end));
      verdicts.push(answer(this.plugin.verdict()));
      start = end;
    }
    if (start < window.length) this.plugin.look(window.subarray(start));
    return verdicts;
  }

  save() {
    return this.plugin.save();
  }
}

function answer({ action, findings }) {
  const full = (it) => ({ offset: 0, length: 0, detail: '', ...it });
  return { action, findings: findings.slice(0, 64).map(full) };
}

export const snoop = { Inspector };
