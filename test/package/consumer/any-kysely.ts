// A program of a consumer, run by several versions of Node.js and of the shared libraries. It ends with 0 and says `done`.
import assert from 'node:assert/strict'
import { createCaller, enrollmentErrorFrom, type Actor } from 'enrollment-service'
import { migrate, type DB } from 'enrollment-service/database'
import { enrollLearners, listPending } from 'enrollment-service/enterprise'
import {
  cloneTestDatabase,
  courseRunLine,
  customerLine,
  learnerLine,
  modeLine,
  startTestDatabase,
} from 'enrollment-service/testing'
import { CamelCasePlugin, Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'

const courseId = 'course-v1:edX+DemoX+2026'
const actor: Actor = { kind: 'service', name: 'shop' }
const customer = customerLine()

const seed = [
  learnerLine({ username: 'alice' }),
  learnerLine({ username: 'bob' }),
  courseRunLine({ courseId, displayName: 'Demonstration' }),
  modeLine({ courseId }),
  modeLine({ courseId, slug: 'verified' }),
  customer,
]

const database = await startTestDatabase({ seed })
const copy = await cloneTestDatabase(database)
try {
  assert.deepEqual(await migrate(copy.db), [])
  await ownPool(copy.db)
  await foreignPool(copy.connectionString)
  assert.deepEqual(await createCaller({ db: database.db, actor }).enrollment.list({ username: 'alice' }), [])
  console.log('done')
} finally {
  await copy[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
}

async function ownPool(db: Kysely<DB>): Promise<void> {
  const { enrollment } = createCaller({ db, actor })
  const both = await Promise.all(['alice', 'bob'].map((username) => enrollment.enroll({ username, courseId })))
  assert.deepEqual(
    both.map(({ kind }) => kind),
    ['created', 'created'],
  )
  const failure = await enrollment.enroll({ username: 'nobody', courseId }).catch(enrollmentErrorFrom)
  assert.ok(failure !== undefined && 'code' in failure && failure.code === 'learnerNotFound')
  await db.transaction().execute(async (trx) => {
    const joined = createCaller({ db: trx, actor }).enrollment
    const [first, second] = await Promise.all([
      joined.change({ username: 'alice', courseId, mode: 'verified' }),
      joined.change({ username: 'alice', courseId, mode: 'audit' }),
    ])
    assert.deepEqual([first.enrollment.version, second.enrollment.version], [2, 3])
  })
}

/** With type parsers and a plugin of its own, through every kind of handle. */
async function foreignPool(connectionString: string): Promise<void> {
  const parsers = new Map<number, (text: string) => unknown>([
    [1184, (text) => new Date(text)],
    [20, Number],
  ])
  const types = { getTypeParser: (oid: number) => parsers.get(oid) ?? pg.types.getTypeParser(oid) }
  const pool = new pg.Pool({ connectionString, types })
  pool.on('error', () => {}) // The end of the server, when the pool has been ended and its connections have not yet.
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }), plugins: [new CamelCasePlugin()] })
  const { enrollment, course } = createCaller({ db, actor })
  const [alice] = await enrollment.list({ username: 'alice' })
  assert.equal(typeof alice?.id, 'string')
  assert.match(alice?.created ?? '', /^\d{4}-\d\d-\d\dT.*Z$/)
  assert.equal((await course.get({ courseId })).displayName, 'Demonstration')

  await db.transaction().execute(async (trx) => {
    const items = [
      { username: 'alice', courseId, mode: 'verified' },
      { email: 'new@example.com', courseId },
    ]
    const { counts } = await enrollLearners({ db: trx, actor }, { customer: customer.uuid, rows: items })
    assert.deepEqual(counts, { modeChanged: 1, pendingCreated: 1 })
    assert.equal((await listPending({ db: trx }, { customer: customer.uuid })).items.length, 1)
  })

  const controlled = await db.startTransaction().execute()
  const { outcomes } = await createCaller({ db: controlled, actor }).enrollment.unenrollAll({ username: 'alice' })
  assert.equal(outcomes.length, 1)
  await controlled.rollback().execute()

  await db.connection().execute(async (connection) => {
    await sql`begin`.execute(connection)
    await createCaller({ db: connection, actor }).enrollment.unenrollAll({ username: 'bob' })
    await sql`rollback`.execute(connection)
  })
  assert.equal((await enrollment.list({ username: 'alice' })).length, 1)
  assert.equal((await enrollment.list({ username: 'bob' })).length, 1)
  await db.destroy()
}
