/** Whether the text is a number that PostgreSQL's `bigint` holds, from 0 to 2^63 - 1, in digits alone. */
export function isBigint(text: string): boolean {
  return /^\d{1,19}$/.test(text) && BigInt(text) <= MAX
}

const MAX = 2n ** 63n - 1n
