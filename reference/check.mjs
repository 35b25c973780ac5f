// Holds the JavaScript to the published cases.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { seed, variant } from './assignment.mjs';

const published = JSON.parse(await readFile(new URL('../tests/data/assignment-v1.json', import.meta.url)));
let checked = 0;
for (const { experiment_id, seed: expected, percentages, cases } of published.experiments) {
  assert.equal(await seed(experiment_id), BigInt(`0x${expected}`));
  assert.equal(await variant(experiment_id, percentages, ''), null);
  for (const { user_key, variant: expected } of cases) {
    assert.equal(await variant(experiment_id, percentages, user_key), expected, user_key);
    checked += 1;
  }
}
console.log(`javascript: ${checked} cases`);
