import type { ColumnType, ControlledTransaction, Generated, Kysely, Transaction } from 'kysely'
import { describe, expectTypeOf, test } from 'vitest'
import { createCaller, type Actor, type Caller } from 'enrollment-service'
import type { DB } from 'enrollment-service/database'

interface Ledger {
  id: Generated<number>
  note: string
  noted_at: ColumnType<Date, string, never>
}

interface OwnAsInterface {
  ledger: Ledger
}

type OwnAsType = { ledger: Ledger; 'other_schema.audit': { at: Date } }

/** As one that is generated for a whole database by another tool: our tables among others, declared anew. */
interface OwnAsExtension extends DB {
  ledger: Ledger
}

declare const actor: Actor

describe('createCaller takes any Kysely whose database has our tables', () => {
  test('with tables beside ours, as interface and as type', () => {
    const caller = (
      a: Kysely<DB & OwnAsInterface>,
      b: Kysely<DB & OwnAsType>,
      c: Kysely<OwnAsExtension>,
      d: Kysely<DB>,
    ) => [
      createCaller({ db: a, actor }),
      createCaller({ db: b, actor }),
      createCaller({ db: c, actor }),
      createCaller({ db: d, actor }),
    ]
    expectTypeOf(caller).returns.toEqualTypeOf<Caller[]>()
  })

  test('as a transaction, of a function and of a handle, and after a savepoint', () => {
    const caller = (
      a: Transaction<DB & OwnAsInterface>,
      b: Transaction<DB & OwnAsType>,
      c: ControlledTransaction<DB & OwnAsInterface>,
      d: ControlledTransaction<DB & OwnAsType, ['first', 'second']>,
      e: Transaction<OwnAsExtension>,
    ) => [
      createCaller({ db: a, actor }),
      createCaller({ db: b, actor }),
      createCaller({ db: c, actor }),
      createCaller({ db: d, actor }),
      createCaller({ db: e, actor }),
    ]
    expectTypeOf(caller).returns.toEqualTypeOf<Caller[]>()
  })

  test('with tables added and schemas and plugins chosen', () => {
    const caller = (db: Kysely<DB>) => [
      createCaller({ db: db.$extendTables<{ ledger: Ledger }>(), actor }),
      createCaller({ db: db.withTables<{ ledger: { note: string } }>(), actor }),
      createCaller({ db: db.withSchema('x'), actor }),
      createCaller({ db: db.withoutPlugins(), actor }),
    ]
    expectTypeOf(caller).returns.toEqualTypeOf<Caller[]>()
  })

  test('and nothing else', () => {
    const refused = (a: Kysely<OwnAsInterface>) => [
      // @ts-expect-error has none of our tables
      createCaller({ db: a, actor }),
      // @ts-expect-error is no database
      createCaller({ db: null, actor }),
    ]
    expectTypeOf(refused).toBeFunction()
  })
})
