import { TRPCError } from '@trpc/server'
import { ZodError } from 'zod'
import type { Database } from '../../core/database/open.ts'
import { callContextOf } from '../../routers/call.ts'
import { callerOf, type Caller } from '../../routers/caller.ts'
import { enrollmentErrorFrom } from '../../routers/errors.ts'
import { CommandError } from './failure.ts'
import { withDatabase, type Session } from './session.ts'
import { write } from './streams.ts'

/** Who acts where nobody else is named. */
export const CLI_ACTOR = { kind: 'system', name: 'cli' } as const

/**
 * Calls the operations of the typed API in this process, on the database of the settings, under the policy of the site.
 *
 * @throws {EnrollmentError | CommandError} what an operation refuses, in words.
 */
export async function withCaller<T>(
  session: Session,
  work: (caller: Caller, db: Database, connectionString: string) => Promise<T>,
  use: 'read' | 'write' = 'write',
): Promise<T> {
  const { policy } = session.config()
  const call = (db: Database, connectionString: string) =>
    work(callerOf(callContextOf({ db, policy, actor: CLI_ACTOR }, 'cli')), db, connectionString)
  return withDatabase(session, call, use).catch(inWords)
}

/** Throws what an operation has refused so that a person can read it. */
export function inWords(error: unknown): never {
  const refused = enrollmentErrorFrom(error)
  if (refused !== undefined) throw refused
  const malformed = error instanceof TRPCError && error.cause instanceof ZodError ? error.cause.issues[0] : undefined
  if (malformed === undefined) throw error
  throw new CommandError([malformed.path.map(String).join('.'), malformed.message].filter(Boolean).join(': '))
}

/**
 * Carries out something that a rule may refuse, and prints what came of it: a refusal goes to the error stream, or with `json`
 * to the output as `{ error }`, and ends the command with 1.
 */
export async function printResult<T>(
  session: Session,
  work: (caller: Caller) => Promise<T>,
  { json = false, text }: { readonly json?: boolean | undefined; readonly text: (result: T) => string },
): Promise<void> {
  try {
    const result = await withCaller(session, work)
    await write(session.stdout, json ? `${JSON.stringify(result)}\n` : text(result))
  } catch (error) {
    const refused = enrollmentErrorFrom(error)
    if (refused === undefined || refused.code === 'unavailable') throw error
    session.exitCode = 1
    if (json) await write(session.stdout, `${JSON.stringify({ error: refused.failure })}\n`)
    else session.stderr.write(`${refused.message}\n`)
  }
}
