import type { Kysely, KyselyPlugin } from 'kysely'

/** A database on which the work fails once, right after the n-th statement was carried out. */
export function failingAfter<D>(on: Kysely<D>, n: number): { db: Kysely<D>; statements: () => number } {
  return after(on, n, () => {
    throw new Error('failed on purpose')
  })
}

/** A database on which something happens once, right after the n-th statement was carried out. */
export function after<D>(
  on: Kysely<D>,
  n: number,
  happens: () => unknown,
): { db: Kysely<D>; statements: () => number } {
  let statements = 0
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      statements += 1
      if (statements === n) await happens()
      return result
    },
  }
  return { db: on.withPlugin(plugin), statements: () => statements }
}
