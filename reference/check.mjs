// Holds the JavaScript to the published cases.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { seed, variant } from './assignment.mjs';
import * as gates from './gates.mjs';

async function published(name) {
  return JSON.parse(await readFile(new URL(`../tests/data/${name}`, import.meta.url)));
}

let checked = 0;
for (const { experiment_id, seed: expected, percentages, cases } of (await published('assignment-v1.json')).experiments) {
  assert.equal(await seed(experiment_id), BigInt(`0x${expected}`));
  assert.equal(await variant(experiment_id, percentages, ''), null);
  for (const { user_key, variant: expected } of cases) {
    assert.equal(await variant(experiment_id, percentages, user_key), expected, user_key);
    checked += 1;
  }
}
console.log(`javascript: ${checked} cases`);

const { gates: all, units } = await published('gates-v1.json');
const within = { coverage: gates.covered, holdout: gates.heldOut, rule: gates.picked };
checked = 0;
for (const { kind, id, seed: expected, cases } of all) {
  assert.equal(await gates.seed(kind, id), BigInt(`0x${expected}`));
  for (const { unit, slot } of cases) {
    assert.equal(await gates.slot(kind, id, unit), slot, unit);
    // A slot is in the range that ends right after it, and in none that ends or begins there.
    const [begin, end] = [slot / 1000, (slot + 1) / 1000];
    if (kind === 'layer') {
      assert.deepEqual([await gates.inRange(id, begin, end, unit), await gates.inRange(id, 0, begin, unit)], [true, false]);
      assert.equal(await gates.inRange(id, end, 100, unit), false);
    } else {
      assert.deepEqual([await within[kind](id, end, unit), await within[kind](id, begin, unit)], [true, false]);
    }
    checked += 1;
  }
}
for (const { attribute, unit } of units) assert.equal(gates.unit(attribute), unit);
console.log(`javascript: ${checked} slots`);
