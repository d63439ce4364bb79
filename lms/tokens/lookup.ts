import { createBatcher } from '../../core/database/batcher.ts'
import { TokensUnavailable } from '../../server/rest/auth/opaque-tokens.ts'
import { POOL_SIZE } from './pool.ts'
import { digestOf, type LmsToken } from './read-tokens.ts'

/** Milliseconds in which a database that has failed is left alone: whoever asks has the answer at once. */
const REST_AFTER_FAILURE_MS = 1_000

/** Tokens that one statement asks for. */
const TOKENS_AT_ONCE = 200

interface Waiting {
  readonly token: string
  readonly resolve: (token: LmsToken | undefined) => void
  readonly reject: (error: Error) => void
}

/**
 * Makes what looks up one token: with those that others ask for meanwhile, so that any number of requests keeps no more than a few
 * connections of the LMS busy.
 *
 * @throws {TokensUnavailable} the function, when the LMS does not answer.
 */
export function tokenLookup(
  read: (tokens: readonly string[]) => Promise<ReadonlyMap<string, LmsToken>>,
  log: { warn(fields: object, message: string): void; info(fields: object, message: string): void },
): (token: string) => Promise<LmsToken | undefined> {
  let failed: { at: number } | null = null
  const readOrRest = async (tokens: readonly string[]) => {
    if (failed !== null && performance.now() - failed.at < REST_AFTER_FAILURE_MS) throw away()
    try {
      const found = await read(tokens)
      if (failed !== null) log.info({}, 'tokens of the LMS can be looked up again')
      failed = null
      return found
    } catch (err) {
      if (failed === null) log.warn({ err }, 'tokens of the LMS cannot be looked up')
      failed = { at: performance.now() }
      throw away(err)
    }
  }
  const batcher = createBatcher<Waiting>({
    batchSize: TOKENS_AT_ONCE,
    maxConcurrent: POOL_SIZE,
    async run(all) {
      try {
        const found = await readOrRest(all.map(({ token }) => token))
        for (const { token, resolve } of all) resolve(found.get(digestOf(token)))
      } catch (error) {
        for (const { reject } of all) reject(error instanceof Error ? error : away(error))
      }
    },
  })
  return (token) => new Promise((resolve, reject) => batcher.add({ token, resolve, reject }, { turn: '' }))
}

function away(cause?: unknown): TokensUnavailable {
  return new TokensUnavailable('The database of the LMS does not answer', { cause })
}
