import { isDatabaseUnavailable } from '../../core/database/failure.ts'
import { EnrollmentError } from '../../core/errors.ts'
import { ConfigError } from '../config.ts'
import { DatabaseError } from '../database-checks.ts'

/** All is done; some rows failed; the command was used wrongly or could not run (run §1); or Ctrl-C ended it. */
export type ExitCode = 0 | 1 | 2 | 130

/** A command cannot do what it was asked for; the message says what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** What a person reads about an error: never a stack, never SQL. */
export function describeError(error: unknown): string {
  // To clients it is all the same why the database is away; who runs it can do something about it.
  if (error instanceof EnrollmentError && error.code === 'unavailable' && error.cause instanceof Error) {
    return describeError(error.cause)
  }
  if (FOR_PEOPLE.some((kind) => error instanceof kind)) return (error as Error).message // All of them are errors.
  if (!(error instanceof Error)) return `Something went wrong: ${String(error)}`
  const known = DATABASE_WORDS[codeOf(error)]
  if (known !== undefined) return `The database refused: ${error.message}. ${known}`
  if (isDatabaseUnavailable(error)) {
    return `The database does not answer (${error.message || codeOf(error)}). Is it running, and is DATABASE_URL right?`
  }
  return `Something went wrong: ${error.message}`
}

/** Errors whose message says what to do. */
const FOR_PEOPLE = [CommandError, ConfigError, DatabaseError, EnrollmentError]

/** By the codes of PostgreSQL (appendix A). */
const DATABASE_WORDS: Readonly<Record<string, string>> = {
  '28000': 'Check the user in DATABASE_URL.',
  '28P01': 'Check the user and the password in DATABASE_URL.',
  '3D000': 'Create the database, or change DATABASE_URL.',
  '42501': 'Give the user of DATABASE_URL the right to do this.',
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
