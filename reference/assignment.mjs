// Assignment v1: which variant of an experiment a user is in.

import { bytes, text, xxh3 } from './xxh3.mjs';

/** What separates one experiment's split from every other's. */
export function seed(experimentId) {
  return xxh3(bytes(experimentId));
}

/** Where a user falls: 0 to 99. For many users of one experiment, keep the hasher that has its seed. */
export async function bucket(experimentId, userKey) {
  const hash = await xxh3(text.encode(userKey), await seed(experimentId));
  return Number((hash * 100n) >> 64n);
}

/** The position of the user's variant; null for the empty key, which is nobody. */
export async function variant(experimentId, percentages, userKey) {
  if (userKey === '') return null;
  const place = await bucket(experimentId, userKey);
  let cumulative = 0;
  for (const [position, percentage] of percentages.entries()) {
    cumulative += percentage;
    if (place < cumulative) return position;
  }
  throw new RangeError(`percentages must sum to 100, found ${cumulative}`);
}
