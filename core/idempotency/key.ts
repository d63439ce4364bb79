import type { CompiledQuery, Kysely, Transaction } from 'kysely'
import { instantFromDate } from '../database/instant.ts'
import { LOST_RACE, retryOnSerializationFailure } from '../database/retry.ts'
import type { DB } from '../database/schema.ts'
import { withSavepoint } from '../database/transaction.ts'
import { EnrollmentError, failure } from '../errors.ts'
import { fingerprintOf, jsonOf } from './fingerprint.ts'
import { serializeByKey } from './serialize.ts'

/** Who uses an idempotency key, and for what. */
export interface KeyUse {
  /** The name of the actor: everybody has keys of their own. */
  readonly actor: string
  /** What the key is for, 1 to 100 characters: the same key in another scope is another key. */
  readonly scope: string
  /** 1 to 255 characters. */
  readonly key: string
  /** What is asked, in JSON. The order of the keys of its objects does not matter. */
  readonly input: unknown
  readonly now: Date
}

/** The answer of the work, and whether it was given before. */
export interface KeyedAnswer<T> {
  answer: T
  replayed: boolean
}

/**
 * Does work once for each idempotency key: the next time its first answer is given again (rpc §3.2). Key, work and answer
 * are written in one transaction, so that the key is free again when the work throws or is rolled back. A call with a key
 * that is in use in another transaction waits for its end.
 *
 * On the pool the work is repeated from its start after a serialization conflict. In a caller's transaction it runs under a
 * savepoint, and its owner decides about the key as about everything else.
 *
 * @param work writes on `trx` only; its answer is JSON, as the next one will be read from it.
 * @param options.keepIf whether the answer stays under the key. If not, all that the work wrote is taken back, and the
 *   key is free.
 * @throws {EnrollmentError} `idempotencyMismatch` where the key was used with another input; what the work throws
 */
export async function withIdempotencyKey<T>(
  db: Kysely<DB>,
  use: KeyUse,
  work: (trx: Transaction<DB>) => Promise<T>,
  { keepIf = () => true }: { readonly keepIf?: (answer: T) => boolean } = {},
): Promise<KeyedAnswer<T>> {
  const inputSha256 = fingerprintOf(use.input)
  const once = () =>
    withSavepoint<KeyedAnswer<T>>(db, async (trx) => {
      const stored = await take(trx, use, inputSha256)
      if (stored !== null) {
        // The work of this scope wrote it, and the input is the same.
        return { keep: true, value: { answer: replay(stored, use, inputSha256) as T, replayed: true } }
      }
      const answer = await work(trx)
      const value = { answer, replayed: false }
      return keepIf(answer) ? { keep: true, value, last: [answerQuery(trx, use, answer)] } : { keep: false, value }
    })
  return serializeByKey(db, jsonOf([use.scope, use.actor, use.key]), () => retryOnSerializationFailure(db, once))
}

/** What is stored under a key. */
interface StoredUse {
  readonly input_sha256: Buffer
  readonly answer: string | null
}

/** Takes the key; where somebody has it, the answer is what they left under it, once their transaction has ended. */
async function take(trx: Transaction<DB>, use: KeyUse, inputSha256: Buffer): Promise<StoredUse | null> {
  const { scope, actor, key, now } = use
  return retryOnSerializationFailure(trx, async () => {
    const taken = await trx
      .insertInto('idempotency_keys')
      .values({ scope, actor, key, input_sha256: inputSha256, created: instantFromDate(now) })
      .onConflict((conflict) => conflict.doNothing())
      .returning('key')
      .executeTakeFirst()
    if (taken !== undefined) return null
    const stored = await trx
      .selectFrom('idempotency_keys')
      .select(['input_sha256', 'answer'])
      .where('scope', '=', scope)
      .where('actor', '=', actor)
      .where('key', '=', key)
      .executeTakeFirst()
    // Where there is none, it expired between the two statements.
    return stored ?? LOST_RACE
  })
}

function replay({ input_sha256: known, answer }: StoredUse, { key }: KeyUse, inputSha256: Buffer): unknown {
  if (!inputSha256.equals(known)) throw new EnrollmentError(failure('idempotencyMismatch', { key }))
  if (answer === null) throw new Error('The work of this idempotency key is still running in this transaction')
  return JSON.parse(answer)
}

/** Stores the answer under the key. */
function answerQuery(trx: Transaction<DB>, { scope, actor, key }: KeyUse, answer: unknown): CompiledQuery {
  return trx
    .updateTable('idempotency_keys')
    .set({ answer: jsonOf(answer) })
    .where('scope', '=', scope)
    .where('actor', '=', actor)
    .where('key', '=', key)
    .compile()
}
