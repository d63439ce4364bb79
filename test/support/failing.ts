import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { observed } from './observed.ts'

/** A database on which the work fails once, right after the n-th statement was carried out. */
export function failingAfter<D extends DB>(on: Kysely<D>, n: number): { db: Kysely<D>; statements: () => number } {
  return after(on, n, () => {
    throw new Error('failed on purpose')
  })
}

/** A database on which something happens once, right after the n-th statement was carried out. */
export function after<D extends DB>(
  on: Kysely<D>,
  n: number,
  happens: () => unknown,
): { db: Kysely<D>; statements: () => number } {
  let statements = 0
  const told = async () => {
    statements += 1
    if (statements === n) await happens()
  }
  return { db: observed(on, told), statements: () => statements }
}
