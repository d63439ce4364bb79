import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '../../../core/database/open.ts'
import { createTestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'

const database = await createTestDatabase()
afterAll(() => database[Symbol.asyncDispose]())

test('nothing is connected before the first query', async () => {
  await using db = openDatabase({ connectionString: 'postgresql://postgres@127.0.0.1:1/none' })
  expect(db.isTransaction).toBe(false)
})

test('every session plans for indexes, and compiles nothing', async () => {
  await using db = openDatabase({ connectionString: database.connectionString, poolSize: 3 })
  const asked = sql<{ scan: string; jit: string }>`
    select current_setting('enable_seqscan') as scan, current_setting('jit') as jit, pg_sleep(0.05)`
  const sessions = await Promise.all([asked.execute(db), asked.execute(db), asked.execute(db)])
  for (const { rows } of sessions) expect(rows).toMatchObject([{ scan: 'off', jit: 'off' }])
})

test('a connection that breaks at its first statement leaves its place to the next', async () => {
  await using road = await roadTo(database.connectionString, { breaksAtFirst: 4 })
  await using db = openDatabase({ connectionString: road.connectionString, poolSize: 2 })
  for (let attempt = 0; attempt < 4; attempt += 1) {
    await expect(sql`select 1`.execute(db)).rejects.toThrow('Connection terminated unexpectedly')
  }
  expect((await sql<{ one: number }>`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }])
})

test('an idle connection that breaks is told, and replaced', async () => {
  const told: string[] = []
  const { connectionString } = database
  await using db = openDatabase({
    connectionString,
    poolSize: 1,
    onConnectionLost: ({ message }) => told.push(message),
  })
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
  await sql`select pg_terminate_backend(${rows[0]?.pid ?? 0}, 5000)`.execute(database.db)
  await eventually(() => expect(told.length).toBeGreaterThan(0))
  expect(told[0]).toContain('terminating connection due to administrator command')
  const again = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
  expect(again.rows[0]?.pid).not.toBe(rows[0]?.pid)
})

/** A way to the server on which the first connections break as soon as something is asked on them. */
async function roadTo(connectionString: string, { breaksAtFirst }: { breaksAtFirst: number }) {
  const target = new URL(connectionString)
  let connections = 0
  const server: Server = createServer((client) => {
    connections += 1
    const breaks = connections <= breaksAtFirst
    const upstream = connect(Number(target.port), target.hostname)
    upstream.pipe(client)
    client.on('data', (data) => {
      // «Q» or «P»: a query, simple or prepared. Before it come the startup and the password.
      if (breaks && (data[0] === 0x51 || data[0] === 0x50)) client.destroy()
      else upstream.write(data)
    })
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    for (const socket of [client, upstream]) socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const own = new URL(connectionString)
  own.port = String((server.address() as AddressInfo).port)
  own.hostname = '127.0.0.1'
  return { connectionString: own.href, [Symbol.asyncDispose]: async () => void server.close() }
}
