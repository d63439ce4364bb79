/** Classes and codes of SQLSTATE (PostgreSQL appendix A) after which the same call may succeed. */
const RETRY_AT_ONCE = new Set(['40001', '40P01'])
const UNAVAILABLE = /^(08|28|53|57P|58)|^(3D000|40001|40P01|55000|55P03|57014|25006|25P03|25P04)$/

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
  /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end|driver has already been destroyed|Postgres connection has been discarded|Transaction is already (committed|rolled back)|The joined transaction has ended)/

/**
 * Whether the error is, or comes from, the database ending one of two transactions that wait for each other, an upsert that missed
 * its row, or a prepared statement that has to be prepared anew: repeated from the start, the work succeeds.
 */
export function isSerializationFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return (
    RETRY_AT_ONCE.has(codeOf(error)) ||
    isDeadStatement(error) ||
    isMissedConflict(error) ||
    isSerializationFailure(error.cause)
  )
}

/**
 * Whether an upsert of an enrollment that was read found its id, but not its learner and course run: `on conflict` looks into one
 * index, and while somebody else moves the row within its table it may miss both places.
 */
function isMissedConflict(error: Error): boolean {
  return isUniqueViolation(error) && 'constraint' in error && error.constraint === 'enrollments_pkey'
}

/** Whether the error is, or comes from, a lock that somebody held for longer than the statement was allowed to wait. */
export function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && (codeOf(error) === '55P03' || isLockTimeout(error.cause))
}

/**
 * Whether a statement failed before it began, because what was prepared under its name is gone (26000, after `deallocate all`
 * or `discard`), is somebody else's (42P05, behind a pooler that knows no names), or no longer fits the tables (0A000).
 */
export function isDeadStatement(error: unknown): boolean {
  const code = codeOf(error)
  if (code === '26000' || code === '42P05') return true
  return code === '0A000' && error instanceof Error && error.message.startsWith('cached plan must not change')
}

/** Whether the error means that the database could not be reached or did not answer: nothing is wrong with the call. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable)
  const code = codeOf(error)
  return UNAVAILABLE.test(code) || NETWORK.has(code) || TEXTS.test(error.message) || isDeadStatement(error)
}

/** Whether somebody else was faster to write what is unique. */
export function isUniqueViolation(error: unknown): boolean {
  return codeOf(error) === '23505'
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}
