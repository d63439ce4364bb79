import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import { observed } from './observed.ts'

/** A database that counts the statements sent through it, but for begin and commit. */
export function counting(counted: Kysely<DB>): { db: Kysely<DB>; statements: () => number } {
  let statements = 0
  const count = () => {
    statements += 1
  }
  return { db: observed(counted, count), statements: () => statements }
}
