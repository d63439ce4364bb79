import type { Transaction } from 'kysely'
import { enrollLearners } from '../enterprise/enroll-learners.ts'
import type { EnterpriseDB } from '../enterprise/database/schema.ts'
import { countRows, countsTable, type Counts } from './counts.ts'
import { openExampleDatabase, withLedger, type LedgerTable } from './database.ts'
import { createWorld, type World } from './world.ts'

/**
 * What the service is for: a customer enrolls two hundred learners in three course runs in one database transaction, with a
 * row of a ledger that is its own. Both are there or neither is.
 *
 * A PostgreSQL is started in a temporary directory, and gone at the end; with `DATABASE_URL` that database is used, and
 * keeps what is written.
 */
await using database = await openExampleDatabase()
const db = await withLedger(database.db)
say(`PostgreSQL: ${database.place}`)

const world = await createWorld(db)
const { customer, courseIds, usernames } = world
say(`Imported: customer ${customer.name}, ${courseIds.length} course runs, ${usernames.length} learners.`)
const [first, second] = [courseIds.slice(0, 3), courseIds.slice(3)]

say(`\n1. ${usernames.length} learners in ${first.length} course runs, in one transaction with a row of the ledger.`)
const before = await countRows(db, world)
const started = performance.now()
const summary = await db.transaction().execute((trx) => buyAndEnroll(trx, world, first))
say(`   ${summary}, in ${Math.round(performance.now() - started)} ms.`)
say(countsTable({ before, after: await countRows(db, world) }))

say(`2. ${second.length} other course runs, and the ledger fails at the end.`)
const beforeFailure = await countRows(db, world)
let inside: Counts | undefined
try {
  await db.transaction().execute(async (trx) => {
    say(`   ${await buyAndEnroll(trx, world, second)}.`)
    inside = await countRows(trx, world)
    throw new Error('the bank does not pay')
  })
} catch (error) {
  say(`   The transaction ends: ${error instanceof Error ? error.message : String(error)}.`)
}
say(countsTable({ before: beforeFailure, inside, after: await countRows(db, world) }))

say('3. The same once more, and nothing fails.')
const beforeRepeat = await countRows(db, world)
say(`   ${await db.transaction().execute((trx) => buyAndEnroll(trx, world, second))}.`)
say(countsTable({ before: beforeRepeat, after: await countRows(db, world) }))

/** The ledger is any code of the customer's: it has the transaction in hand, and `enrollLearners` joins it. */
async function buyAndEnroll(
  trx: Transaction<EnterpriseDB & LedgerTable>,
  { customer, usernames }: World,
  courses: readonly string[],
): Promise<string> {
  const seats = usernames.length * courses.length
  const { transaction } = await trx
    .insertInto('example_ledger')
    .values({ customer: customer.uuid, seats, cents: seats * 4900 })
    .returning('transaction')
    .executeTakeFirstOrThrow()
  const rows = courses.flatMap((courseId) =>
    usernames.map((username) => ({ username, courseId, funding: { transaction } })),
  )
  const actor = { kind: 'service', name: 'example' } as const
  const request = { customer: customer.uuid, rows, failureMode: 'strict', notify: true } as const
  const { status, counts } = await enrollLearners({ db: trx, actor }, request)
  // A refusal is an answer and not an error: that the ledger goes back with it is the customer's own decision.
  if (status === 'rolledBack') throw new Error(`Nobody was enrolled: ${JSON.stringify(counts)}`)
  const kinds = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`)
  return `${rows.length} rows ${status}: ${kinds.join(', ')}`
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
