// Slots: who is covered, held out, in a range of a layer, or picked by a rule with a percentage.

import { bytes, text, xxh3 } from './xxh3.mjs';

/** What separates one gate from every other. The kind is coverage, layer, holdout or rule. */
export function seed(kind, id) {
  return xxh3(Uint8Array.of(...text.encode(kind), 0, ...bytes(id)));
}

/** Where a unit falls: 0 to 99,999. For many units of one gate, keep the hasher that has its seed. */
export async function slot(kind, id, unit) {
  const hash = await xxh3(text.encode(unit), await seed(kind, id));
  return Number((hash * 100_000n) >> 64n);
}

/** A percentage of at most three decimals in slots. */
export function slots(perCent) {
  return Math.round(perCent * 1000);
}

export async function covered(experimentId, coverage, unit) {
  return (await slot('coverage', experimentId, unit)) < slots(coverage);
}

/** Whether a unit is in one range of a layer. An experiment may have several. */
export async function inRange(layerId, begin, end, unit) {
  const place = await slot('layer', layerId, unit);
  return slots(begin) <= place && place < slots(end);
}

export async function heldOut(holdoutId, percentage, unit) {
  return (await slot('holdout', holdoutId, unit)) < slots(percentage);
}

export async function picked(ruleId, percentage, unit) {
  return (await slot('rule', ruleId, unit)) < slots(percentage);
}

/**
 * What is hashed of the attribute that `bucket_by` names; null if it is not a unit. A number above 2^53 has
 * lost digits in JavaScript: give it as a BigInt or a text.
 */
export function unit(attribute) {
  if (typeof attribute === 'string') return attribute === '' ? null : attribute;
  if (typeof attribute === 'bigint' || Number.isSafeInteger(attribute)) return `${attribute}`;
  return null;
}
