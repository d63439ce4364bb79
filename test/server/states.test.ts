import { randomBytes } from 'node:crypto'
import { escapeIdentifier } from 'pg'
import { expect, test } from 'vitest'
import { openDatabase } from '../../core/database/open.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { KEY } from '../support/rest.ts'
import { PrivateRequest } from '../../server/listeners.ts'
import { buildTestApp } from '../support/server.ts'
import { runStatement } from '../support/statement.ts'

// States of a database in which nothing is wrong with a request: 503, and not ready, until it is as it was.

/** A server on a database and a role of its own; statements run as the owner of all. */
async function openWorld() {
  await using undo = new AsyncDisposableStack()
  const database = await createTestDatabase()
  await database.db.destroy()
  const name = decodeURIComponent(new URL(database.connectionString).pathname.slice(1))
  const role = `r_${randomBytes(6).toString('hex')}`
  const admin = new URL(database.connectionString)
  admin.pathname = '/postgres'
  const run = (statement: string) => runStatement(admin.href, statement)
  await run(`create role ${role} login superuser password 'right'`)
  undo.defer(async () => void (await run(`drop role ${role}`)))
  const own = new URL(database.connectionString)
  Object.assign(own, { username: role, password: 'right' })
  const pool = openDatabase({ connectionString: own.href, poolSize: 2, connectionTimeoutMs: 2_000 })
  undo.defer(() => pool.destroy())
  const app = buildTestApp({ db: pool, env: { RATE_LIMITS: 'off' } })
  undo.defer(() => app.close())
  const statuses = async () => {
    const rest = { url: '/api/enrollment/v1/enrollment/nobody,course-v1:a+b+c', headers: KEY }
    const input = encodeURIComponent(JSON.stringify({ username: 'nobody', courseId: 'course-v1:a+b+c' }))
    const headers = { authorization: 'Bearer token-of-enterprise' }
    const rpc = { url: `/trpc/enrollment.get?input=${input}`, headers, Request: PrivateRequest }
    const answers = [await app.inject(rest), await app.inject(rpc), await app.inject('/readyz')]
    return answers.map(({ statusCode, headers: { 'retry-after': after } }) => `${statusCode} ${after ?? ''}`.trim())
  }
  const end = `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`
  const opened = undo.move()
  return {
    run: async (statement: string) => {
      await run(end)
      await run(statement)
      await run(end)
    },
    name: escapeIdentifier(name),
    role,
    statuses,
    /** The database has two seconds to answer: on a machine that stands still for as long not each time. */
    untilWell: () =>
      eventually(async () => {
        const all = await statuses()
        expect(all.filter((status) => status.startsWith('5'))).toEqual([])
        return all
      }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

type World = Awaited<ReturnType<typeof openWorld>>

test.for<[string, (world: World) => [fault: string, cure: string]]>([
  [
    'is renamed (3D000)',
    ({ name }) => [
      `alter database ${name} rename to "x${name.slice(1)}`,
      `alter database "x${name.slice(1)} rename to ${name}`,
    ],
  ],
  [
    'lets nobody in (55000)',
    ({ name }) => [`alter database ${name} allow_connections false`, `alter database ${name} allow_connections true`],
  ],
  ['knows the role no more (28000)', ({ role }) => [`alter role ${role} nologin`, `alter role ${role} login`]],
])('a database that %s is unavailable, and serves again after it', async ([, change]) => {
  await using world = await openWorld()
  const [fault, cure] = change(world)
  const well = await world.untilWell()
  await world.run(fault)
  expect(await world.statuses()).toEqual(['503 1', '503 1', '503 1'])
  await world.run(cure)
  expect(await world.untilWell()).toEqual(well)
})

test('a database that can only be read is not ready, and is again when it can be written', async () => {
  await using world = await openWorld()
  await world.run(`alter database ${world.name} set default_transaction_read_only = on`)
  await eventually(async () => {
    const [rest = '', rpc = '', ready] = await world.statuses()
    expect([rest.slice(0, 1), rpc.slice(0, 1)], 'it can be read').not.toContain('5')
    expect(ready).toBe('503 1')
  })
  await world.run(`alter database ${world.name} reset default_transaction_read_only`)
  await world.untilWell()
})
