import type { Kysely, KyselyPlugin } from 'kysely'
import type { DB } from '../../core/database/schema.ts'

/** A database that counts the statements sent through it, but for begin and commit. */
export function counting(counted: Kysely<DB>): { db: Kysely<DB>; statements: () => number } {
  let statements = 0
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      statements += 1
      return result
    },
  }
  return { db: counted.withPlugin(plugin), statements: () => statements }
}
