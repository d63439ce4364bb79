/** Classes and codes of SQLSTATE (PostgreSQL appendix A) after which the same call may succeed. */
const RETRY_AT_ONCE = new Set(['40001', '40P01'])
const UNAVAILABLE = /^(08|53|57P|58)|^(40001|40P01|55P03|57014|25006|25P03|25P04)$/

/** Codes of Node.js for a server that is not there. */
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

/** Texts of pg for the same, which carry no code. */
const TEXTS =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end|driver has already been destroyed|Postgres connection has been discarded|Transaction is already (committed|rolled back)|The joined transaction has ended)/

/**
 * Whether the error is, or comes from, the database breaking a tie of two transactions: repeated from the start, the work
 * succeeds.
 */
export function isSerializationFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return RETRY_AT_ONCE.has(codeOf(error)) || isSerializationFailure(error.cause)
}

/** Whether the error means that the database could not be reached or did not answer: nothing is wrong with the call. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable)
  const code = codeOf(error)
  return UNAVAILABLE.test(code) || NETWORK.has(code) || TEXTS.test(error.message)
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}
