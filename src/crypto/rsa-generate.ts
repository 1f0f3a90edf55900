import { checkPrimeSync } from "node:crypto";
import type { Random } from "../util/random.js";
import { cryptoError } from "./errors.js";
import { fromBigInt, inverse, RSA_EXPONENTS, RSA_MODULUS_BYTES, toBigInt, type RsaPrivateKey } from "./rsa.js";

const SIEVE_LIMIT = 1 << 14;
/** Odd numbers looked at from one starting point before another is drawn. */
const WINDOW = 4096;

let oddPrimes: readonly number[] | undefined;
function smallPrimes(): readonly number[] {
  if (oddPrimes) return oddPrimes;
  const composite = new Uint8Array(SIEVE_LIMIT);
  const found: number[] = [];
  for (let n = 3; n < SIEVE_LIMIT; n += 2) {
    if (composite[n] === 1) continue;
    found.push(n);
    for (let multiple = n * n; multiple < SIEVE_LIMIT; multiple += 2 * n) composite[multiple] = 1;
  }
  return (oddPrimes = found);
}

/** value mod divisor without big integers; divisor below 2^15. */
function residue(value: Uint8Array, divisor: number): number {
  let rest = 0;
  for (const byte of value) rest = ((rest << 8) | byte) % divisor;
  return rest;
}

/** A prime of exactly `bits` bits whose two highest bits are set, and with which `exponent` works. */
function seededPrime(bits: number, exponent: number, random: Random): bigint {
  const e = BigInt(exponent);
  for (;;) {
    const start = random.bytes(bits / 8);
    start[0]! |= 0xc0; // so that the product of two such primes has every bit asked for
    start[start.length - 1]! |= 1;
    const composite = new Uint8Array(WINDOW);
    for (const prime of smallPrimes()) {
      // start + 2i is a multiple of the prime for i = -start / 2 mod prime, and for every prime-th i from there
      const rest = residue(start, prime);
      const first = rest === 0 ? 0 : (((prime - rest) % 2 === 0 ? prime - rest : 2 * prime - rest) / 2) % prime;
      for (let i = first; i < WINDOW; i += prime) composite[i] = 1;
    }
    const base = toBigInt(start);
    for (let i = 0; i < WINDOW; i++) {
      if (composite[i] === 1) continue;
      const candidate = base + BigInt(2 * i);
      if (candidate >> BigInt(bits) !== 0n) break;
      if ((candidate - 1n) % e !== 0n && checkPrimeSync(candidate)) return candidate;
    }
  }
}

/**
 * A key pair that depends on the generator alone: for tests and test cards, never for production.
 * @param bits length of the modulus, a multiple of 16, 512 to 3968; the modulus has exactly that many
 * @throws `crypto/rsa-modulus`, `crypto/rsa-exponent`
 */
export function generateRsa(bits: number, exponent: number, random: Random): RsaPrivateKey {
  if (bits % 16 !== 0 || bits < RSA_MODULUS_BYTES.min * 8 || bits > RSA_MODULUS_BYTES.max * 8)
    throw cryptoError(
      "rsa-modulus",
      `keys of ${bits} bits are not made; use a multiple of 16 from ${RSA_MODULUS_BYTES.min * 8} to ${RSA_MODULUS_BYTES.max * 8}`,
      { bits },
    );
  if (!RSA_EXPONENTS.includes(exponent))
    throw cryptoError("rsa-exponent", `the public exponent is ${RSA_EXPONENTS.join(" or ")}, not ${exponent}`, {
      exponent,
    });
  const one = seededPrime(bits / 2, exponent, random);
  let other = seededPrime(bits / 2, exponent, random);
  while (other === one) other = seededPrime(bits / 2, exponent, random);
  const [p, q] = one > other ? [one, other] : [other, one];
  const e = BigInt(exponent);
  const half = bits / 16;
  return {
    modulus: fromBigInt(p * q, bits / 8),
    exponent,
    p: fromBigInt(p, half),
    q: fromBigInt(q, half),
    dp: fromBigInt(inverse(e, p - 1n), half),
    dq: fromBigInt(inverse(e, q - 1n), half),
    qInv: fromBigInt(inverse(q, p), half),
  };
}
