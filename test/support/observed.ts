import {
  DefaultQueryExecutor,
  Kysely,
  PostgresAdapter,
  PostgresQueryCompiler,
  Transaction,
  type DatabaseConnection,
} from 'kysely'
import { propsOn } from '../../core/database/foreign-kysely.ts'
import { BEGIN_BRIEFLY } from '../../core/database/lock-wait.ts'
import { rememberOwnPool } from '../../core/database/own-pools.ts'
import { perObject } from '../../core/database/per-pool.ts'
import type { DB } from '../../core/database/schema.ts'

/** A wake-up is sent beside what is observed, and not each time. */
const BESIDE = /^(begin|commit|rollback)\b|^\/\* event\.wake \*\//

/**
 * A handle on the same pool or transaction that tells of each statement once it was carried out, but for begin, commit and
 * wake-ups. No plugin does that: those of a caller's database are left out.
 *
 * @param told gets the text of the statement, which fails when this throws.
 */
export function observed<D extends DB>(on: Kysely<D>, told: (text: string) => unknown): Kysely<D> {
  const hooked = perObject((connection: DatabaseConnection): DatabaseConnection => ({
    ...connection,
    async executeQuery(query) {
      const result = await connection.executeQuery<never>(query)
      // The text of a joined statement is an object.
      const text: unknown = query.sql
      if (typeof text !== 'string' || !BESIDE.test(text)) await told(String(text))
      return result
    },
    streamQuery: (query, size) => connection.streamQuery(query, size),
  }))
  const props = propsOn(on.getExecutor(), hooked)
  if (on.isTransaction) return new Transaction<D>(props)
  const pool = (begin: string) => {
    const { executor, ...others } = propsOn(on.getExecutor(), hooked, begin)
    const provider = { provideConnection: executor.provideConnection.bind(executor) }
    const own = new DefaultQueryExecutor(new PostgresQueryCompiler(), new PostgresAdapter(), provider)
    return new Kysely<DB>({ ...others, executor: own })
  }
  return rememberOwnPool({ pool: pool('begin'), brief: pool(BEGIN_BRIEFLY) }) as unknown as Kysely<D>
}
