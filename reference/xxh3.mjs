// XXH3 of 64 bits, as numbers without a sign.

import { createXXHash3 } from 'hash-wasm';

export const text = new TextEncoder();

export async function xxh3(input, seed = 0n) {
  const hasher = await createXXHash3(Number(seed & 0xffffffffn), Number(seed >> 32n));
  return BigInt(`0x${hasher.init().update(input).digest('hex')}`);
}

/** The 16 bytes of a UUID, in the order in which its text form writes them. */
export function bytes(uuid) {
  const digits = uuid.replaceAll('-', '').match(/../g);
  return Uint8Array.from(digits, (byte) => Number.parseInt(byte, 16));
}
